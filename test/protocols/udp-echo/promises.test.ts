import { keepsItsPromises } from '../../protocol.ts';

await keepsItsPromises('udp-echo');
