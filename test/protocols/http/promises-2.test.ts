import { keepsItsPromises } from '../../protocol.ts';

await keepsItsPromises('http', 'second half');
