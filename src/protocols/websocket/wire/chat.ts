// What is said in the chat: one JSON object in each text frame. Its first member says what it is.
//
//     client  {"join":"kitchen","as":"ada","after":3}             "I am ada; the last message that I have seen is number 3"
//             {"say":"Hello","nr":1}                              "and it is the first thing that I say under this name"
//             {"leave":"kitchen"}
//     server  {"welcome":"kitchen","members":["ada"],"last":3,"nr":0,"missed":0}
//                                                                 the last message is number 3; you have said nothing yet; as many
//                                                                 messages as `missed` follow, which you have not seen
//             {"id":4,"from":"ada","nr":1,"text":"Hello"}         to all of the room, in one order; for ada it is the acknowledgement
//             {"ack":1,"id":4}                                    to ada alone, who said it again: it was said before
//             {"joined":"bob"} {"left":"bob"}                     presence
//             {"error":"join a room first"}
//             {"error":"this is not your next number","next":2}   your last one was 1: say it under 2
//
// `welcome` may also say `"gone":n`: of what you have not seen, so many messages are kept no more; and `"anew":true`: I know
// nothing of the message that you have seen last. The room has been forgotten, and begins anew.
//
// Nobody proves a name here, so a number must not be worth anything: were a higher one simply taken, who says something under your
// name and the highest number there is would leave you none. Only the next one is taken, and `welcome` says which was the last.

import { printable } from '../../../wire/printable.ts';

export type Chat =
  | { is: 'join'; room: string; name: string; after: number | undefined }
  | { is: 'say'; text: string; nr: number }
  | { is: 'leave'; room: string }
  | {
      is: 'welcome';
      room: string;
      members: string[];
      last: number;
      nr: number;
      missed: number;
      gone: number;
      anew: boolean;
    }
  | { is: 'said'; id: number; from: string; nr: number; text: string }
  | { is: 'ack'; nr: number; id: number }
  | { is: 'joined'; name: string }
  | { is: 'left'; name: string }
  | { is: 'error'; why: string; next?: number | undefined };

/** The longest text of one message, in characters: what a room keeps must have a bound. */
export const LONGEST = 1_000;
/** Rooms and people have short names, of letters, digits and a few signs. */
const NAME = /^[\p{L}\p{N}_.-]{1,32}$/u;

/** The message that a text holds; undefined when it is none. Members that nobody knows are passed over. */
export function chatIn(payload: Buffer): Chat | undefined {
  let said: unknown;
  try {
    said = JSON.parse(payload.toString());
  } catch (error) {
    // A peer's text may be anything: it is answered, and nothing of ours has failed.
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return undefined;
  return chatOf(said as Record<string, unknown>);
}

function chatOf(said: Record<string, unknown>): Chat | undefined {
  // What is said most is looked for first: each member that is not there takes a look as well.
  if ('say' in said)
    return isText(said.say) && isCount(said.nr, 1) ? { is: 'say', text: said.say, nr: said.nr } : undefined;
  if ('text' in said) {
    const { id, from, nr, text } = said;
    return isText(text) && isCount(id, 1) && isCount(nr, 1) && isName(from)
      ? { is: 'said', id, from, nr, text }
      : undefined;
  }
  const { join, as: name, after, leave, ack, id, joined, left, error, next } = said;
  if (isCount(ack, 1)) return isCount(id, 0) ? { is: 'ack', nr: ack, id } : undefined;
  if (isName(join)) {
    if (!isName(name) || (after !== undefined && !isCount(after, 0))) return undefined;
    return { is: 'join', room: join, name, after };
  }
  if (isName(leave)) return { is: 'leave', room: leave };
  if (isName(joined)) return { is: 'joined', name: joined };
  if (isName(left)) return { is: 'left', name: left };
  if (typeof error === 'string') {
    if (next === undefined) return { is: 'error', why: error };
    return isCount(next, 1) ? { is: 'error', why: error, next } : undefined;
  }
  return welcomeOf(said);
}

function welcomeOf({ welcome, members, last, nr, missed, gone = 0, anew = false }: Record<string, unknown>) {
  if (!isName(welcome) || !Array.isArray(members) || !members.every(isName) || typeof anew !== 'boolean')
    return undefined;
  if (!isCount(last, 0) || !isCount(nr, 0) || !isCount(missed, 0) || !isCount(gone, 0)) return undefined;
  return { is: 'welcome' as const, room: welcome, members, last, nr, missed, gone, anew };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= LONGEST;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

function isCount(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

/** The JSON of a message, its members in the order that stands above. */
export function textOf(chat: Chat): string {
  switch (chat.is) {
    case 'said':
      // What is said most is put together by hand: names need no escaping, since none of their characters does, and few texts do.
      return `{"id":${chat.id},"from":"${chat.from}","nr":${chat.nr},"text":${quotedText(chat.text)}}`;
    case 'join':
      return JSON.stringify({ join: chat.room, as: chat.name, after: chat.after });
    case 'say':
      return JSON.stringify({ say: chat.text, nr: chat.nr });
    case 'leave':
      return JSON.stringify({ leave: chat.room });
    case 'welcome': {
      const { room, members, last, nr, missed, gone, anew } = chat;
      const more = { ...(gone > 0 ? { gone } : {}), ...(anew ? { anew } : {}) };
      return JSON.stringify({ welcome: room, members, last, nr, missed, ...more });
    }
    case 'ack':
      return JSON.stringify({ ack: chat.nr, id: chat.id });
    case 'joined':
      return JSON.stringify({ joined: chat.name });
    case 'left':
      return JSON.stringify({ left: chat.name });
    case 'error':
      return JSON.stringify({ error: chat.why, next: chat.next });
  }
}

/** What JSON takes as it is, between two quotation marks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes exactly these
const PLAIN = /^[^"\\\u0000-\u001f\ud800-\udfff]*$/;

function quotedText(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** The message in a few words, for a row of the log. */
export function saysChat(chat: Chat): string {
  switch (chat.is) {
    case 'join':
      return `${printable(chat.room)} as ${printable(chat.name)}${chat.after === undefined ? '' : ` after ${chat.after}`}`;
    case 'say':
      return `“${printable(chat.text, 40)}” nr ${chat.nr}`;
    case 'leave':
      return printable(chat.room);
    case 'welcome': {
      const more = `${chat.gone > 0 ? `, ${chat.gone} gone` : ''}${chat.anew ? ', anew' : ''}`;
      return `${printable(chat.members.join(', '), 60) || 'nobody'}; last ${chat.last}, missed ${chat.missed}${more}`;
    }
    case 'said':
      return `${chat.id} from ${printable(chat.from)} “${printable(chat.text, 40)}”`;
    case 'ack':
      return `nr ${chat.nr} is ${chat.id}`;
    case 'joined':
    case 'left':
      return printable(chat.name);
    case 'error':
      return `${printable(chat.why, 60)}${chat.next === undefined ? '' : `: ${chat.next} is`}`;
  }
}

/** What each member means, a sentence each. */
export const GLOSSES: ReadonlyMap<string, string> = new Map([
  ['join', 'the room that I want to be in from now on'],
  ['as', 'the name that the others know me by'],
  ['after', 'the number of the last message that I have seen: tell me what came after it'],
  ['say', 'for everybody in my room, whichever that is'],
  ['leave', 'I am in this room no more'],
  ['welcome', 'you are in this room now'],
  ['members', 'who is here'],
  ['last', 'the number of the last message said here'],
  ['missed', 'so many messages follow that you have not seen'],
  ['gone', 'so many that you have not seen are kept no more'],
  ['anew', 'what you have seen last I know nothing of: this room begins anew'],
  ['id', 'the number of this message in its room'],
  ['from', 'who said it'],
  ['nr', 'the sender’s own number: said again under it, it is the same message'],
  ['text', 'what was said'],
  ['ack', 'I have had this one before, and did not say it again'],
  ['joined', 'is here now'],
  ['left', 'is here no more'],
  ['error', 'no, and why'],
  ['next', 'the number that your next message has'],
]);

/** One member of an object, as it stands: from its brace or comma up to the next one. */
export interface Part {
  name: string;
  /** The value as JSON. */
  value: string;
  start: number;
  end: number;
}

/** The members of the JSON object that these bytes are, end to end; undefined where they are none, or one is named twice. */
export function partsOf(payload: Buffer): Part[] | undefined {
  if (chatIn(payload) === undefined) return undefined;
  const bounds: number[] = [];
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < payload.length; at++) {
    const byte = payload[at];
    // Within a string only a quotation mark ends it, and a backslash hides what follows.
    if (quoted) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) quoted = false;
    } else if (byte === 0x22) quoted = true;
    else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === 0x2c && depth === 1) bounds.push(at);
  }
  const parts = [0, ...bounds].map((start, nth): Part => {
    const end = bounds[nth] ?? payload.length;
    const member = payload.toString('utf8', start, end).trim().slice(1).trim();
    const [, name = '', value = ''] = /^("(?:[^"\\]|\\.)*")\s*:\s*(.*)$/s.exec(member) ?? [];
    const last = nth === bounds.length;
    return { name: JSON.parse(name || '""') as string, value: last ? value.replace(/\s*\}$/, '') : value, start, end };
  });
  return new Set(parts.map(({ name }) => name)).size === parts.length ? parts : undefined;
}
