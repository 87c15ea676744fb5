// An order, once: a request that is sent again because nobody knows whether it was heard.

import type { Build } from '../../../src/lab/exercise.ts';
import { answers, survived } from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/http/index.ts';
import { wire } from '../../../src/protocols/http/wire.ts';
import type { Client, ClientOptions } from '../../../src/protocols/shapes.ts';
import { visitor } from '../../../src/sockets/visitor.ts';
import type { HttpMessage } from '../../../src/wire/http.ts';
import type { Wire } from '../../../src/wire/wire.ts';
import { inWords, shown } from '../answer.ts';

interface Customer extends Client {
  /** Orders under an Idempotency-Key. Resolves to `order 1`, or to the status of a refusal. */
  order(item: string, key: string): Promise<string>;
  /** The items of all orders, in order. */
  orders(): Promise<string>;
}

async function connect({ host, port, waits }: ClientOptions): Promise<Customer> {
  const visit = visitor({ host, port, waits, wire: wire as Wire<HttpMessage> });
  return {
    async order(item, key) {
      const headers = [['Idempotency-Key', key]] as const;
      const answer = await visit.ask({ method: 'POST', target: '/orders', json: { item }, headers, again: true });
      return inWords(answer, (json) => `order ${Number(json.order)}`);
    },
    async orders() {
      const answer = await visit.ask({ method: 'GET', target: '/orders' });
      return inWords(answer, ({ orders }) => {
        if (!Array.isArray(orders)) throw new Error('there is no list "orders" in the answer');
        return orders.map((each: { item?: unknown }) => shown(each?.item)).join(', ') || 'none';
      });
    },
    facts: () => ({}),
    move: () => visit.reset(),
    close: () => visit.close(),
  };
}

const order = (name: string, item: string, key: string) => ({
  name,
  act: (client: Customer) => client.order(item, key),
});

const DRAFT = 'draft-ietf-httpapi-idempotency-key-header';

export const exercise: Build<Customer> = {
  id: 'idempotent-order',
  kind: 'feature',
  cites: `RFC 9110 and ${DRAFT}`,
  card,
  connect,
  steps: [
    order('order a lamp, under the key ann-1', 'lamp', 'ann-1'),
    order('send it again, since the answer may have been lost', 'lamp', 'ann-1'),
    order('order another lamp, under the key ann-2', 'lamp', 'ann-2'),
    order('order a chair, under the key ann-1', 'chair', 'ann-1'),
    { name: 'list the orders', act: (client) => client.orders() },
  ],
  arms: {
    kill: { is: 'kill', at: { after: 1 } },
    'kill-late': { is: 'kill', at: { after: 3 } },
  },
  checks: [
    {
      id: 'made',
      stage: 'right',
      sentence: 'An order is made, and the first one has number 1.',
      cite: 'RFC 9110 §15.3.2',
      look: answers(1, 'order 1', 'a number in the body, {"order":1}, with a status of success', 'status', 'body'),
      ask: 'What stands in the body of your answer?',
      hint: 'Answer 201 with the body {"order":1,"item":"lamp"}, and count orders from 1 on.',
    },
    {
      id: 'again',
      stage: 'right',
      sentence: 'The same request under the same key is the same order.',
      cite: `${DRAFT} §2.6`,
      look: answers(2, 'order 1', 'the number of the order that was made the first time', 'body', 'chunk'),
      ask: 'How would a server know that it has heard this request before?',
      hint: 'Keep what was answered under the key, and look there before anything is done.',
    },
    {
      id: 'another',
      stage: 'right',
      sentence: 'Another key is another order, whatever is ordered.',
      cite: `${DRAFT} §2.2`,
      look: answers(3, 'order 2', 'a second order: two lamps were wanted', 'body', 'chunk'),
      ask: 'What makes two requests the same: what they say, or the key?',
      hint: 'Who wants two lamps may say so twice. Only the key tells that from a request that was sent again.',
    },
    {
      id: 'reuse',
      stage: 'right',
      sentence: 'A key that comes back with another request is refused with 422.',
      cite: `${DRAFT} §2.7`,
      look: answers(4, 'refused with 422', 'a refusal: this key stands for a lamp', 'status'),
      ask: 'What would the client believe to have ordered, if you answered as the first time?',
      hint: 'Keep the request beside the answer, and compare.',
    },
    {
      id: 'list',
      stage: 'right',
      sentence: 'The list has each order once.',
      cite: 'RFC 9110 §9.2.2',
      look: answers(5, 'lamp, lamp', 'two lamps', 'body', 'chunk'),
      ask: 'Which of the four requests has made an order?',
      hint: 'What was answered from the key must not be added to the list again.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'A key is known again after a kill: the order is not made twice.',
      cite: `${DRAFT} §2.6`,
      look: survived,
      ask: 'What did the process know, that the one after it does not?',
      hint: 'Write order and key down in STATE_DIR, in one piece and before the answer leaves; read the file when you start.',
    },
    {
      id: 'kill-late',
      stage: 'survives',
      arm: 'kill-late',
      sentence: 'Nothing that was answered is gone after a kill: neither an order nor what a key stands for.',
      cite: `${DRAFT} §2.6`,
      look: survived,
      ask: 'Is all that you need to answer again in the file, or only a part?',
      hint: 'One line for each order, with its number, its item and its key, is all there is to know.',
    },
  ],
  hints: [
    'A client whose answer is lost cannot tell whether it was heard. It sends the same key again: who should remember it?',
    'One Map from the key to the order that it made. It must be found again by the next process, so it has to lie in STATE_DIR.',
    'Append one line of JSON for each order ({"order":1,"item":"lamp","key":"ann-1"}) with appendFileSync before you answer, and fill list and Map from that file when you start.',
  ],
  wrong: {
    'by-item': 'another',
    'any-request': 'reuse',
    'keys-in-memory': 'kill',
    overwrites: 'kill-late',
  },
};
