// One list, read page by page in two ways: `?after=caligari&limit=2` tells how far one has come, and the server need not know;
// `?cursor=new` has the server keep that under a name, and each request for the name moves it on.

import { FILMS, type Film } from '../../../served/films.ts';
import { halves } from '../../../wire/http.ts';
import { type Answer, problem } from './answers.ts';
import type { Service } from './asking.ts';
import { forgetful } from './orders.ts';

/** Films on a page. */
const PAGE = 2;
const MOST = 20;

export function filmPage(service: Service): Answer {
  const asked = new Map((service.query ?? '').split('&').map((pair) => halves(pair, '=')));
  const limit = Number(asked.get('limit') ?? PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST) return problem(422, `a page has 1 to ${MOST} films`);
  const cursor = asked.get('cursor');
  if (cursor !== undefined) return byCursor(service, cursor, limit);

  const after = asked.get('after');
  const begin = after === undefined ? 0 : FILMS.findIndex(({ name }) => name === after) + 1;
  if (after !== undefined && begin === 0) return problem(422, 'there is no such film to go on from');
  const page = FILMS.slice(begin, begin + limit);
  const last = page.at(-1);
  const next = last && begin + page.length < FILMS.length ? { next: `/films?after=${last.name}&limit=${limit}` } : {};
  return { status: 200, json: { films: page.map(titleOf), ...next } };
}

/** Asked again, it is the page after that: a GET that is not safe (RFC 9110 §9.2.1), as cursors are. */
function byCursor({ state, world, how }: Service, cursor: string, limit: number): Answer {
  if (how.things === 'token') return forgetful();
  const isNew = cursor === 'new';
  const name = isNew ? `${state.counted.cursors + 1}.${world.name()}` : cursor;
  const before = state.cursors.get(name);
  if (!isNew && (!before || before.ends <= world.now())) return problem(410, 'this cursor is not open here');
  const begin = before?.read ?? 0;
  const page = FILMS.slice(begin, begin + limit);
  const read = begin + page.length;
  const ends = before?.ends ?? world.now() + how.limits.lifetime;
  const next = read < FILMS.length ? { cursor: name } : {};
  return {
    status: 200,
    json: { films: page.map(titleOf), ...next },
    events: [{ is: 'read', cursor: name, read, ends }],
  };
}

function titleOf({ title, year }: Film): string {
  return `${title} (${year})`;
}
