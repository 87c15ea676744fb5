// An echo server that counts on the side: its state.ts is spotless, and what it remembers stands where no cut finds it.

import { echoSaying } from './echo.ts';

let served = 0;

export const card = echoSaying((payload) => {
  served++;
  // The fifth and later answers differ: only somebody who was forgotten in between would notice.
  return served > 4 ? Buffer.concat([payload.subarray(0, -1), Buffer.from('!')]) : payload;
});
