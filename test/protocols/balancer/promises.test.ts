import { keepsItsPromises } from '../../protocol.ts';

await keepsItsPromises('balancer');
