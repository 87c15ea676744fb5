import { keepsItsPromises } from '../../protocol.ts';

await keepsItsPromises('http', 'first half');
