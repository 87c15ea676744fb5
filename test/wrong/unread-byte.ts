// A wire that passes over the last byte of a payload, so that nobody learns what it says.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/udp-echo/index.ts';

export const card = {
  ...right,
  wire: {
    ...right.wire,
    read(reader, from, over, seen) {
      const message = right.wire.read(reader, from, over, seen);
      const [field] = reader.fields ?? [];
      if (field) field.end--;
      return message;
    },
  },
} as typeof right as AnyCard;
