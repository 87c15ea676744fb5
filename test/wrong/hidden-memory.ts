// A session server that counts on the side: its state.ts is spotless, and what it remembers stands where no cut finds it.

import type { AnyCard } from '../../src/protocols/index.ts';
import { sessionSaying } from './session.ts';

let served = 0;

export const card: AnyCard = sessionSaying((bytes) => {
  served++;
  // From the sixth answer on the window of an ACK differs: only somebody who was forgotten in between could tell.
  if (served > 5 && bytes.length === 16) bytes.writeUInt32BE(4095, 8);
  return bytes;
});
