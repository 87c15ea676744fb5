import { keepsItsPromises } from '../../protocol.ts';

await keepsItsPromises('tcp-session');
