// Everything this server remembers between two messages: who is where, and, where it keeps that, what was said.

import { dated } from '../../wire/http/date.ts';
import type { Action, Decision, Facts, Path, Rules } from '../shapes.ts';
import { answerTo, refusal } from './rules/upgrading.ts';
import type { Chat } from './wire/chat.ts';
import { CLOSE, closing, type Frame } from './wire/frames.ts';
import { chatOf, frameOf, type Message, OUT_OF_ORDER, STRANGER } from './wire.ts';

/** A room's name, or that of somebody in it. */
type Name = string;

export interface Room {
  /** The number of the last message said here; they count from 1. */
  last: number;
  /** Filed under the name: on which connection somebody is here. None of it outlives the process, and none is written down. */
  members: Map<Name, Path>;
  /** The same connections as a list, made anew when somebody comes or goes: for as long as it is the same list, one encoding serves all. */
  paths: readonly Path[];
  /** Filed under the number, which is what a client asks by: the last messages, oldest first. Empty where nothing is kept. */
  kept: Map<number, Said>;
  /** Filed under the name: the number that somebody gave to what they said last, so that what is said again is known. The first is the next to go. */
  numbers: Map<Name, number>;
}

interface Said {
  from: Name;
  nr: number;
  text: string;
}

export interface State {
  /** Filed under the path: nothing that is said after a join says who speaks, or where. */
  places: Map<Path, { room: Name; name: Name }>;
  /** Filed under the name that clients give. A Map keeps the order of making: the oldest that nobody is in makes room. */
  rooms: Map<Name, Room>;
}

export type Event =
  | { is: 'joined'; path: Path; room: Name; name: Name }
  | { is: 'left'; path: Path }
  | { is: 'said'; room: Name; id: number; from: Name; nr: number; text: string }
  | { is: 'dropped'; room: Name };

/** From here on this connection speaks in frames. */
export type Deed = { is: 'frames' };

/** `quiet`: nothing has come from a peer for a while. `silent`: and it has not answered when it was asked. */
export type Outcome = { is: 'quiet' } | { is: 'silent' };

export interface Limits {
  rooms: number;
  /** Members of one room. */
  members: number;
  /** Messages of one room that are kept. */
  kept: number;
  /** Names of one room of which the last number is kept. */
  numbers: number;
}
const LIMITS: Limits = { rooms: 100, members: 200, kept: 100, numbers: 400 };

type Decided = Decision<Message, Event, Deed>;

/** The rules of the chat. `keeps`: what was said is kept, so that who comes back hears what it missed. */
export function rulesFor(keeps: boolean, limits: Limits = LIMITS): Rules<State, Message, Event, Deed, Outcome> {
  return {
    empty: () => ({ places: new Map(), rooms: new Map() }),

    decide(state, message, from, world) {
      if (message.type === 'frame') return frame(state, message, from);
      // What an answer would answer nobody here has asked.
      const answer = dated(message.type === 'request' ? answerTo(message) : refusal(400), world.now());
      const say: Action<Message, Deed> = { to: from, say: answer };
      return { events: NONE, actions: answer.status === 101 ? [say, { to: from, does: FRAMES }] : [say, hangUp(from)] };
    },

    part: (state, from) => leave(state, from),

    learn(state, outcome, from) {
      if (outcome.is === 'quiet') return { events: NONE, actions: [{ to: from, say: PING }] };
      const { events, actions } = leave(state, from);
      // It may hear at least why, should it come back to this connection after all (RFC 6455 §7.1.7).
      return { events, actions: [...actions, { to: from, say: closing(CLOSE.silent) }, hangUp(from)] };
    },

    apply,

    lasting: (event) => keeps && (event.is === 'said' || event.is === 'dropped'),

    outlives: ({ rooms }) => ({
      places: new Map(),
      rooms: new Map(
        [...rooms].flatMap(([name, room]) =>
          room.kept.size > 0 ? [[name, { ...room, members: new Map(), paths: [] }]] : [],
        ),
      ),
    }),

    unavailable: (_message, from) => [{ to: from, say: refusal(503, [['Retry-After', '2']]) }],

    facts,
  };

  function frame(state: State, message: Frame, from: Path): Decided {
    switch (message.opcode) {
      case 'PING':
        // RFC 6455 §5.5.3: the same bytes come back.
        return tell(from, { type: 'frame', opcode: 'PONG', fin: true, payload: message.payload });
      case 'PONG':
        return NOTHING;
      case 'CLOSE': {
        const { events, actions } = leave(state, from);
        // A close is answered by a close with the same code (RFC 6455 §5.5.1), and then the server hangs up first (§7.1.1).
        const payload = message.payload.subarray(0, 2);
        return {
          events,
          actions: [
            ...actions,
            { to: from, say: { type: 'frame', opcode: 'CLOSE', fin: true, payload } },
            hangUp(from),
          ],
        };
      }
      case 'TEXT': {
        const chat = chatOf(message);
        return chat ? heard(state, chat, from) : error(from, 'this is no message of the chat');
      }
      default: {
        const { events, actions } = leave(state, from);
        return { events, actions: [...actions, { to: from, say: closing(CLOSE.unsupported) }, hangUp(from)] };
      }
    }
  }

  function heard(state: State, chat: Chat, from: Path): Decided {
    switch (chat.is) {
      case 'say':
        return say(state, chat, from);
      case 'join':
        return join(state, chat, from);
      case 'leave': {
        const place = state.places.get(from);
        if (place?.room !== chat.room) return error(from, place ? 'this is not the room you are in' : STRANGER);
        const { events, actions } = leave(state, from);
        return { events, actions: [...actions, { to: from, say: frameOf({ is: 'left', name: place.name }) }] };
      }
      default:
        return error(from, 'only a server says that');
    }
  }

  function say(state: State, { text, nr }: Chat & { is: 'say' }, from: Path): Decided {
    const place = state.places.get(from);
    const room = place && state.rooms.get(place.room);
    if (!place || !room) return error(from, STRANGER);
    const { name } = place;
    // Where nothing is kept nobody can know what is said again, and any number is as good.
    if (keeps) {
      const next = (room.numbers.get(name) ?? 0) + 1;
      if (nr < next) return tell(from, frameOf({ is: 'ack', nr, id: numberOf(room, name, nr) }));
      if (nr > next) return tell(from, frameOf({ is: 'error', why: OUT_OF_ORDER, next }));
    }
    const id = room.last + 1;
    return {
      events: [{ is: 'said', room: place.room, id, from: name, nr, text }],
      actions: [{ to: room.paths, say: frameOf({ is: 'said', id, from: name, nr, text }) }],
    };
  }

  function join(state: State, { room: where, name, after }: Chat & { is: 'join' }, from: Path): Decided {
    if (state.places.has(from)) return error(from, 'you are in a room: leave it first');
    const room = state.rooms.get(where);
    const before = room?.members.get(name);
    if (room && before === undefined && room.members.size >= limits.members) return error(from, 'this room is full');
    const dropped = room || state.rooms.size < limits.rooms ? undefined : emptiest(state);
    if (!room && state.rooms.size >= limits.rooms && dropped === undefined)
      return error(from, 'there are too many rooms');

    const others = (room?.paths ?? []).filter((path) => path !== before);
    const members = new Set([...(room?.members.keys() ?? []), name]);
    const { missed, gone, anew } = missedBy(room, after);
    const welcome: Chat = {
      is: 'welcome',
      room: where,
      members: [...members],
      last: room?.last ?? 0,
      nr: room?.numbers.get(name) ?? 0,
      missed: missed.length,
      gone,
      anew,
    };
    const actions: Action<Message, Deed>[] = [];
    // Who was here already under this name is the same person on an older connection, which may be dead without knowing.
    if (before !== undefined) actions.push({ to: before, say: closing(CLOSE.takenOver) }, hangUp(before));
    else if (others.length > 0) actions.push({ to: others, say: frameOf({ is: 'joined', name }) });
    actions.push({ to: from, say: frameOf(welcome) });
    for (const each of missed) actions.push({ to: from, say: frameOf(each) });
    return {
      events: [
        ...(dropped === undefined ? [] : [{ is: 'dropped', room: dropped } as const]),
        ...(before === undefined ? [] : [{ is: 'left', path: before } as const]),
        { is: 'joined', path: from, room: where, name },
      ],
      actions,
    };
  }

  /** What was said after the message that somebody has seen last, as far as it is kept. */
  function missedBy(room: Room | undefined, after: number | undefined) {
    const none = { missed: [] as (Chat & { is: 'said' })[], gone: 0, anew: false };
    if (!keeps || after === undefined) return none;
    const { last, kept } = room ?? { last: 0, kept: new Map<number, Said>() };
    // It has seen what was never said here: this is not the room that it knew.
    const anew = after > last;
    const since = anew ? 0 : after;
    const missed = [...kept].flatMap(([id, said]) => (id > since ? [{ is: 'said' as const, id, ...said }] : []));
    return { missed, gone: last - since - missed.length, anew };
  }

  function leave(state: State, from: Path): Decided {
    const place = state.places.get(from);
    if (!place) return NOTHING;
    const others = (state.rooms.get(place.room)?.paths ?? []).filter((path) => path !== from);
    return {
      events: [{ is: 'left', path: from }],
      actions: others.length > 0 ? [{ to: others, say: frameOf({ is: 'left', name: place.name }) }] : [],
    };
  }

  function apply(state: State, event: Event): void {
    switch (event.is) {
      case 'said': {
        const room = roomOf(state, event.room);
        const { id, from, nr, text } = event;
        room.last = id;
        if (!keeps) return;
        room.kept.set(id, { from, nr, text });
        room.kept.delete(id - limits.kept);
        // Taken out and put back, it is the last to go.
        room.numbers.delete(from);
        room.numbers.set(from, nr);
        const [oldest] = room.numbers.keys();
        if (oldest !== undefined && room.numbers.size > limits.numbers) room.numbers.delete(oldest);
        return;
      }
      case 'joined': {
        state.places.set(event.path, { room: event.room, name: event.name });
        const room = roomOf(state, event.room);
        room.members.set(event.name, event.path);
        room.paths = [...room.members.values()];
        return;
      }
      case 'left': {
        const place = state.places.get(event.path);
        const room = place && state.rooms.get(place.room);
        state.places.delete(event.path);
        if (!place || !room) return;
        room.members.delete(place.name);
        room.paths = [...room.members.values()];
        // A room that nobody is in and nothing is kept of is no room.
        if (room.paths.length === 0 && room.kept.size === 0) state.rooms.delete(place.room);
        return;
      }
      case 'dropped':
        state.rooms.delete(event.room);
    }
  }
}

function roomOf(state: State, name: Name): Room {
  let room = state.rooms.get(name);
  if (!room) {
    room = { last: 0, members: new Map(), paths: [], kept: new Map(), numbers: new Map() };
    state.rooms.set(name, room);
  }
  return room;
}

/** The oldest room that nobody is in. */
function emptiest({ rooms }: State): Name | undefined {
  for (const [name, { paths }] of rooms) if (paths.length === 0) return name;
  return undefined;
}

/** Which message that was; 0 where it is kept no more. */
function numberOf({ kept }: Room, name: Name, nr: number): number {
  for (const [id, said] of kept) if (said.nr === nr && said.from === name) return id;
  return 0;
}

const NONE: readonly Event[] = [];
const NOTHING: Decided = { events: NONE, actions: [] };
const FRAMES: Deed = { is: 'frames' };
const PING: Frame = { type: 'frame', opcode: 'PING', fin: true, payload: Buffer.alloc(0) };

function tell(to: Path, say: Message): Decided {
  return { events: NONE, actions: [{ to, say }] };
}

function error(to: Path, why: string): Decided {
  return tell(to, frameOf({ is: 'error', why }));
}

function hangUp(to: Path): Action<Message, Deed> {
  return { to, hangUp: true };
}

function facts(state: State): Facts {
  const known: Facts = {};
  for (const [name, { last, members, kept }] of state.rooms) {
    const [first] = kept.keys();
    const history = first === undefined ? 'nothing kept' : `${first} to ${last} kept`;
    // Who is in it comes last: of a list only what differs is told, and part of these names would read as all of them.
    known[`room[${name}]`] = `${last} said, ${history}, in it: ${[...members.keys()].join(', ') || 'nobody'}`;
  }
  for (const [path, { room, name }] of state.places) known[`path[${path}]`] = `${name}, in room[${room}]`;
  return known;
}
