import { keepsItsPromises } from '../../protocol.ts';

await keepsItsPromises('mqtt', 'first half');
