import { keepsItsPromises } from '../../protocol.ts';

await keepsItsPromises('mqtt', 'second half');
