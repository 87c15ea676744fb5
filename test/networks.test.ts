// The network that a path comes from, and the bytes of its address.

import { expect, test } from 'vitest';
import { addressBytes, networkOf } from '../src/bounds/networks.ts';

test.each([
  ['127.0.0.1:53', '127.0.0.0/24'],
  ['127.0.0.1:53/tcp', '127.0.0.0/24'],
  ['198.51.100.255:1', '198.51.100.0/24'],
  ['::ffff:198.51.100.7:1', '198.51.100.0/24'],
  ['::1:53', '0:0:0:0::/56'],
  ['2001:db8:1:2ff:3:4:5:6:53', '2001:db8:1:200::/56'],
  ['2001:db8::9:53/tcp', '2001:db8:0:0::/56'],
  ['fe80::1%eth0:53', 'fe80:0:0:0::/56'],
])('%s comes from %s', (path, network) => {
  expect(networkOf(path)).toBe(network);
  expect(networkOf(path)).toBe(network);
});

test.each([
  ['192.0.2.1', 'c0000201'],
  ['::ffff:192.0.2.1', 'c0000201'],
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['2001:db8::', '20010db8000000000000000000000000'],
  ['2001:db8:220:1:59de:d0f4:8769:82b8', '20010db80220000159ded0f4876982b8'],
  ['fe80::1:2%lo', 'fe800000000000000000000000010002'],
])('%s is %s', (address, bytes) => {
  expect(addressBytes(address).toString('hex')).toBe(bytes);
});
