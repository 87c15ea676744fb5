// The workload of shop.json as a module: each step is a name, and a function that is given the client and resolves to the answer in words.
// The answers are what is compared, so nothing that is rolled by dice or told by a clock may be in them.

import type { HttpClient, Step } from '../../src/workload.ts';

/** Outside this repository: `import type { HttpClient, Step } from 'amnesia'`. */
export const steps: Step<HttpClient>[] = [
  {
    name: 'log in',
    async act(client) {
      const { status, body } = await client.ask({
        method: 'POST',
        target: '/login',
        headers: [['Content-Type', 'application/json']],
        body: JSON.stringify({ user: 'ann' }),
      });
      return `${status}: hello ${JSON.parse(body.toString()).hello}`;
    },
  },
  {
    name: 'put a lamp in the cart',
    act: async (client) => String((await client.ask({ method: 'PUT', target: '/cart/lamp' })).status),
  },
  {
    name: 'look at the cart',
    act: async (client) => (await client.ask({ method: 'GET', target: '/cart' })).body.toString(),
  },
];
