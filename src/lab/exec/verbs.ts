// What a step of a workload in JSON can do, protocol by protocol: each verb is a method of the protocol's client. This one table is what
// validates a workload, what the messages about a wrong one say, and what the schema is made of.

import type { DnsClient } from '../../protocols/dns/client.ts';
import type { FtpClient } from '../../protocols/ftp/client.ts';
import type { LettersClient } from '../../protocols/mqtt/client.ts';
import type { Client } from '../../protocols/shapes.ts';
import type { SessionClient } from '../../protocols/tcp-session/client.ts';
import type { EchoClient } from '../../protocols/udp-echo/client.ts';
import type { ChatClient } from '../../protocols/websocket/client.ts';

/** What a verb is given beside its name. */
export interface Parameter {
  is: 'text' | 'number' | 'yes or no';
  /** Nothing else is taken. */
  of?: readonly (string | number)[];
  optional?: true;
  tells: string;
}

export interface Verb {
  tells: string;
  takes: Readonly<Record<string, Parameter>>;
  /** Does it with what it was given, which is as {@link takes} has it. Resolves to the answer in words. */
  act(client: Client, given: Given): Promise<string>;
}

/** As it was validated: whoever asks for a parameter by its name gets what the table says, or nothing where it is optional. */
export interface Given {
  text(name: string): string;
  number(name: string, otherwise?: number): number;
  /** Only those parameters that were given. */
  some(...names: string[]): Record<string, unknown>;
}

const text = (tells: string): Parameter => ({ is: 'text', tells });
const optional = (parameter: Parameter): Parameter => ({ ...parameter, optional: true });
const yes = (tells: string): Parameter => ({ is: 'yes or no', optional: true, tells });
const qos: Parameter = { is: 'number', of: [0, 1, 2], optional: true, tells: 'quality of service; 1 unless given' };
const who = text('which of the clients that this workload plays');

/** A verb of one client, where the table knows them all. */
function verb<C extends Client>(
  tells: string,
  takes: Verb['takes'],
  act: (client: C, given: Given) => Promise<string>,
): Verb {
  return { tells, takes, act: act as Verb['act'] };
}

const mqtt = {
  connect: verb<LettersClient>(
    'introduces itself, with its name as the client id',
    {
      who,
      clean: yes('begin anew; yes unless given'),
      expiry: optional({ is: 'number', tells: 'seconds that the session outlives the connection; version 5 only' }),
      version: optional({ is: 'number', of: [4, 5], tells: '4 is MQTT 3.1.1' }),
      user: optional(text('user name')),
      password: optional(text('its password')),
    },
    (client, given) =>
      client.connect(given.text('who'), given.some('clean', 'expiry', 'version', 'user', 'password') as never),
  ),
  subscribe: verb<LettersClient>(
    'subscribes to a topic filter',
    { who, topic: text('the filter'), qos },
    (client, given) => client.subscribe(given.text('who'), given.text('topic'), given.number('qos', 1) as 0 | 1 | 2),
  ),
  publish: verb<LettersClient>(
    'publishes, and waits for the acknowledgement',
    {
      who,
      topic: text('where to'),
      payload: text('what'),
      qos,
      retain: yes('the broker keeps it for whoever subscribes later'),
    },
    (client, given) =>
      client.publish(
        given.text('who'),
        given.text('topic'),
        given.text('payload'),
        given.number('qos', 1) as 0 | 1 | 2,
        given.some('retain').retain === true,
      ),
  ),
  sleep: verb<LettersClient>(
    'says good-bye and goes; its session stays unless it was clean',
    { who },
    (client, given) => client.sleep(given.text('who')),
  ),
  vanish: verb<LettersClient>('goes without a word', { who }, (client, given) => client.vanish(given.text('who'))),
  wake: verb<LettersClient>(
    'comes back to its session, and tells which letters have come',
    { who, letters: optional({ is: 'number', tells: 'how many are waited for where the session was present' }) },
    (client, given) => client.wake(given.text('who'), given.number('letters', 0)),
  ),
  finish: verb<LettersClient>('says good-bye for good', { who }, (client, given) => client.finish(given.text('who'))),
};

const ftp = {
  login: verb<FtpClient>(
    'USER and PASS',
    { user: text('user name'), password: text('its password') },
    (client, given) => client.logIn(given.text('user'), given.text('password')),
  ),
  cd: verb<FtpClient>('CWD', { folder: text('where to') }, (client, given) => client.cd(given.text('folder'))),
  type: verb<FtpClient>(
    'TYPE',
    { type: { is: 'text', of: ['A', 'I'], tells: 'A sends files as text, I as they are' } },
    (client, given) => client.type(given.text('type') as 'A' | 'I'),
  ),
  list: verb<FtpClient>('the names in the folder', {}, (client) => client.list()),
  download: verb<FtpClient>('fetches a file: its size and its SHA-256', { file: text('which') }, (client, given) =>
    client.download(given.text('file')),
  ),
};

const dns = {
  ask: verb<DnsClient>(
    'asks one question',
    {
      domain: text('the name that is asked for'),
      type: text('of which records: A, AAAA, TXT, …'),
      over: optional({ is: 'text', of: ['udp', 'tcp'], tells: 'udp unless given' }),
    },
    (client, given) => client.ask(given.text('domain'), given.text('type'), given.some('over')),
  ),
};

const session = {
  open: verb<SessionClient>(
    'opens a session',
    { first: optional({ is: 'number', tells: 'the number of its first byte; 1000 unless given' }) },
    (client, given) => client.open(given.number('first', 1000)),
  ),
  send: verb<SessionClient>('sends bytes, until they are acknowledged', { text: text('what') }, (client, given) =>
    client.send(given.text('text')),
  ),
  finish: verb<SessionClient>('closes the session', {}, (client) => client.finish()),
};

const websocket = {
  join: verb<ChatClient>(
    'comes into a room',
    {
      who,
      room: text('which'),
      stays: yes('whenever its connection is lost, it comes back before anybody else goes on'),
    },
    (client, given) => client.join(given.text('who'), given.text('room'), given.some('stays')),
  ),
  say: verb<ChatClient>('says something to the room', { who, text: text('what') }, (client, given) =>
    client.say(given.text('who'), given.text('text')),
  ),
  hear: verb<ChatClient>('all that was said and has not been told yet', { who }, (client, given) =>
    client.hear(given.text('who')),
  ),
  leave: verb<ChatClient>('says good-bye, and goes', { who }, (client, given) => client.leave(given.text('who'))),
  vanish: verb<ChatClient>('goes without a word', { who }, (client, given) => client.vanish(given.text('who'))),
};

const echo = {
  say: verb<EchoClient>('sends a datagram, until it comes back', { text: text('what') }, (client, given) =>
    client.say(given.text('text')),
  ),
};

/** By protocol. What a step of `http` can do is in `http-steps.ts`: its verbs are those of HTTP. */
export const VERBS: ReadonlyMap<string, Readonly<Record<string, Verb>>> = new Map<string, Record<string, Verb>>([
  ['mqtt', mqtt],
  ['ftp', ftp],
  ['dns', dns],
  ['tcp-session', session],
  ['websocket', websocket],
  ['udp-echo', echo],
]);
