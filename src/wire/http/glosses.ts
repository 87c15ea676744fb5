// What the words of HTTP mean, a sentence each, for someone who has never met them.

import { printable } from '../printable.ts';

/** RFC 9110 §9.3. */
export const METHODS: ReadonlyMap<string, string> = new Map([
  ['GET', 'show me: asking twice changes nothing'],
  ['HEAD', 'as GET, and keep the body'],
  ['PUT', 'let it be so: saying it twice leaves the same as saying it once'],
  ['DELETE', 'let it be gone: saying it twice leaves the same as saying it once'],
  ['POST', 'do this: said twice, it may be done twice'],
  ['OPTIONS', 'what may I ask?'],
]);

/** RFC 9110 §15 and RFC 6585. */
export const STATUSES: ReadonlyMap<number, string> = new Map([
  [101, 'from the next byte on this is another protocol'],
  [200, 'here it is'],
  [201, 'it has been made, and was not there before'],
  [204, 'done, and there is nothing to show'],
  [303, 'done; look there for what came of it'],
  [400, 'this request cannot be understood'],
  [401, 'who are you? I cannot tell from the request'],
  [403, 'no, whoever you are'],
  [404, 'nothing is filed under that name'],
  [405, 'not with this method'],
  [409, 'not now: something else is going on here'],
  [410, 'it was here, and is gone for good'],
  [413, 'more than I take'],
  [421, 'this host is not served here'],
  [422, 'understood, and yet it makes no sense'],
  [426, 'only in another protocol'],
  [429, 'too often: wait'],
  [431, 'more header lines than I take'],
  [500, 'my fault'],
  [501, 'nothing like that is done here'],
  [502, 'the server behind me does not answer'],
  [503, 'not able to at the moment: come back'],
]);

const HEADERS: ReadonlyMap<string, (value: string) => string> = new Map([
  ['host', () => 'which of the sites at this address is meant'],
  ['content-length', (length: string) => `${length} bytes of body follow the head`],
  ['content-type', () => 'how the body is written'],
  ['transfer-encoding', () => 'the body comes in chunks, and each says how long it is'],
  ['authorization', () => 'who is asking, said with every request'],
  ['idempotency-key', () => 'the client’s own name for this request: sent again under it, it is the same request'],
  ['location', () => 'where it is to be found'],
  ['link', () => 'where to go on from here'],
  ['retry-after', (seconds: string) => `worth another try in ${printable(seconds, 32)} s`],
  [
    'connection',
    (value: string) =>
      /upgrade/i.test(value)
        ? 'Upgrade is meant for this connection, not for who is asked in the end'
        : /close/i.test(value)
          ? 'this connection ends with the message'
          : 'this connection stays for what comes next',
  ],
  ['keep-alive', () => 'how long this connection may stay idle'],
  ['upgrade', (protocol: string) => `let us go on in ${printable(protocol, 24)} on this connection`],
  ['sec-websocket-key', () => 'a nonce, so that no cache can have the answer'],
  ['sec-websocket-accept', () => 'made from the nonce: whoever says this has understood the request'],
  ['sec-websocket-version', () => 'the version of WebSocket'],
  ['origin', () => 'the site whose page asks, told by the browser'],
  ['sec-fetch-site', () => 'whether the page that asks is of the same site, told by the browser'],
  ['www-authenticate', () => 'how one may say who one is'],
  ['allow', () => 'the methods that are known here'],
  ['cache-control', () => 'whether a copy may be kept by who passes it on'],
  ['date', () => 'when the server said this'],
  ['x-served-by', () => 'which of the servers behind the balancer has answered'],
  ['x-user', () => 'whose request this is, in the client’s own words: enough to be led by, and no proof'],
  ['x-forwarded-for', () => 'the address that a balancer saw, if one believes it'],
]);

/** One sentence about a header, by its name in small letters. */
export function glossOf(name: string, value: string): string | undefined {
  return HEADERS.get(name)?.(value);
}
