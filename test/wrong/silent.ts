// An echo server that hears everything and says nothing.

import { echoSaying } from './echo.ts';

export const card = echoSaying(() => undefined);
