// A session server that answers every message with bytes that are none.

import type { AnyCard } from '../../src/protocols/index.ts';
import { sessionSaying } from './session.ts';

export const card: AnyCard = sessionSaying(() => Buffer.from('garbage!'));
