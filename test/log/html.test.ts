// The page of a run as text: what is on it, that nothing on it can act, and that it asks for nothing.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { inlined } from '../../.ci/page.ts';
import type { Entry } from '../../src/capture/records.ts';
import { aligned, matched } from '../../src/log/html/align.ts';
import { lanes } from '../../src/log/html/lanes.ts';
import { short } from '../../src/log/html/markup.ts';
import { html, type Page } from '../../src/log/html.ts';
import { long, message, played, told } from './page.ts';

const HOSTILE = `</script><script>alert(1)</script><img src=x onerror="alert(1)">"'><a href='http://evil.example/'>\u202e\u0007]]>`;

/** Whatever a peer, or whoever wrote the file, can put into a run. */
function hostile(): Page {
  const odd = message(3, HOSTILE, HOSTILE, HOSTILE);
  if (odd.is !== 'packet') throw new Error('a message is a packet');
  const entries: Entry[] = [
    { is: 'arm', arm: 1, t_ns: 0, name: 'control' },
    {
      is: 'life',
      row: 1,
      arm: 1,
      t_ns: 0,
      life: HOSTILE,
      pid: 1,
      port: 7,
      facts: { [HOSTILE]: HOSTILE },
      notes: [HOSTILE],
    },
    { is: 'step', arm: 1, t_ns: 1, step: 1, name: HOSTILE, aside: false },
    {
      ...odd,
      kind: HOSTILE,
      protocol: HOSTILE,
      fields: odd.fields.map((field) => ({ ...field, id: HOSTILE, label: HOSTILE, show: HOSTILE, gloss: HOSTILE })),
      leans: [{ field: HOSTILE, op: 'reads', holder: 'server', key: HOSTILE, why: HOSTILE, cite: HOSTILE }],
      malformed: { why: HOSTILE, at: 0, cite: HOSTILE },
    },
    { is: 'memory', row: 4, arm: 1, t_ns: 4, holder: HOSTILE, changes: [{ subject: HOSTILE, after: HOSTILE }] },
    // No text at all, and what might be taken for markup.
    { ...message(8, '', 's'), says: { html: HOSTILE } } as unknown as Entry,
    { is: 'note', row: 5, arm: 1, t_ns: 5, life: HOSTILE, text: HOSTILE },
    {
      is: 'cut',
      row: 6,
      arm: 1,
      t_ns: 6,
      cut: 'kill',
      who: HOSTILE,
      pid: 1,
      on: HOSTILE,
      facts: { [HOSTILE]: HOSTILE },
    },
    { is: 'died', row: 7, arm: 1, t_ns: 7, life: HOSTILE, signal: HOSTILE, code: null },
    { is: 'answer', arm: 1, t_ns: 8, step: 1, answer: HOSTILE, failed: false },
  ];
  const header = { protocol: HOSTILE, design: HOSTILE, seed: 1, cut: HOSTILE, at: HOSTILE, verdict: HOSTILE };
  return {
    header,
    ...told(entries),
    because: HOSTILE,
    more: [HOSTILE],
    less: [HOSTILE],
    about: HOSTILE,
    why: [HOSTILE],
    command: HOSTILE,
  };
}

/** The page without its own style and script. */
function body(page: string): string {
  return page.replace(/<style>[\s\S]*?<\/style>/, '').replace(/<script>[\s\S]*?<\/script>/, '');
}

let mqtt: Page;
beforeAll(async () => {
  mqtt = await played('mqtt', 'memory');
});

describe('nothing on the page can act', () => {
  test('what comes from a peer is text, wherever it stands', () => {
    const page = html(hostile());
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page.match(/<\/script/g)).toHaveLength(1);
    expect(page).not.toContain('<img');
    for (const unsafe of ['\u0007', '\u202e']) expect(page).not.toContain(unsafe);
    expect(page).toContain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&quot;&#39;&gt;');
    // Every tag is one of ours: letters, attributes with whole quotes, and nothing else.
    for (const [tag] of body(page).matchAll(/<[^>]*>/g))
      expect(tag).toMatch(/^<(\/[a-z0-9]+|!doctype html|[a-zA-Z0-9]+( [a-zA-Z0-9-]+(="[^"<>]*")?)*\/?)>$/);
  });

  test('it asks for nothing from anywhere', () => {
    for (const page of [html(mqtt), html(hostile())]) {
      for (const [, to] of page.matchAll(/\shref="([^"]*)"/g)) expect(to).toMatch(/^#[\w-]+$/);
      for (const [, to] of page.matchAll(/url\(([^)]*)\)/g)) expect(to).toMatch(/^#\w+$/);
      expect(page).not.toMatch(/\s(src|action|data|srcset|poster|formaction|style|on\w+)="/);
      expect(page).not.toMatch(/@import|<(link|iframe|object|base|form)\b/);
    }
  });

  test('its Content-Security-Policy allows its own style and script, by their hashes, and nothing else', () => {
    const page = html(mqtt);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1];
    const [style, script] = ['style', 'script'].map((tag) => {
      const text = page.slice(page.indexOf(`<${tag}>`) + tag.length + 2, page.indexOf(`</${tag}>`));
      expect(text.length).toBeGreaterThan(1000);
      return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    });
    expect(policy).toBe(
      `default-src 'none'; style-src ${style}; script-src ${script}; base-uri 'none'; form-action 'none'`,
    );
  });

  test('a secret stays one', () => {
    const page = html(long(1));
    expect(page).toContain('4f 68 69 **  Ohi*');
    expect(page).toContain('<b>Token</b> = <code>***</code> (a secret)');
  });

  test('its code is what the style sheets and browser.ts make: npm run page', () => {
    const file = readFileSync(new URL('../../src/log/html/inlined.ts', import.meta.url), 'utf8');
    expect(file.replaceAll('\r\n', '\n')).toBe(inlined());
  });
});

describe('what is on it', () => {
  test('what was played, the verdict and why, and the command that plays it again', () => {
    const page = html(mqtt);
    expect(page).toContain('<title>mqtt/memory: lost · Amnesia</title>');
    expect(page).toContain('once with a kill after step 5');
    expect(page).toContain('<strong>✗ lost</strong> “sleeper: wake up” is answered');
    expect(page).toContain('<code>amnesia demo mqtt/memory --cut kill --at 5 --seed 1</code>');
    const { because, ...without } = mqtt;
    expect(because).toBeDefined();
    expect(html(without)).toContain('The answer of step 6 is “session present 0; no letters” instead of “session');
    const { header } = mqtt;
    const event = { ...mqtt, header: { ...header, at: 'sent 2 DATA' } };
    expect(html(event)).toContain('--cut kill --at &quot;sent 2 DATA&quot; --seed 1');
    expect(html(long(1))).not.toContain('play it again');
  });

  test('every row once, with every field and every note of it', () => {
    const page = html(mqtt);
    for (const entry of mqtt.entries) {
      if (!('row' in entry)) continue;
      expect(page.split(`id="r${entry.row}"`)).toHaveLength(2);
      const [, own = ''] = page.split(`id="r${entry.row}"`);
      const row = own.split(/ id="r\d+"/)[0] ?? '';
      if (entry.is === 'packet') expect(row.match(/<li data-at=/g)).toHaveLength(entry.fields.length);
      const notes = mqtt.ledgers.get(entry.arm)?.notes.get(entry.row) ?? [];
      expect(row.match(/<li class="(needs|keeps|LOST|proof|hint)"/g) ?? []).toHaveLength(notes.length);
      for (const { cite } of notes) if (cite) expect(row).toContain(`<cite>[${cite}]</cite>`);
    }
    const links = [...page.matchAll(/href="#([\w-]+)"/g)].map(([, to]) => to);
    expect(links.length).toBeGreaterThan(50);
    for (const to of new Set(links)) expect(page).toContain(`id="${to}"`);
  });

  test('a run of 100 rows is far below a megabyte, and one of 2,000 is made in a moment', () => {
    expect(html(mqtt).length).toBeLessThan(400_000);
    expect(html(long(2000)).length).toBeLessThan(6_000_000);
  });

  test('of a long message it shows the beginning, and says how much there is', () => {
    const page = long(1);
    const entries = page.entries.map((entry) =>
      entry.is === 'packet' ? { ...entry, hex: '00'.repeat(5000), length: 9000 } : entry,
    );
    expect(html({ ...page, entries })).toContain('6952 more bytes');
    expect(short('x'.repeat(400))).toBe(`${'x'.repeat(300)}… (100 more)`);
  });
});

describe('the arms side by side', () => {
  test('what both have in common stands beside each other, and the rest alone', () => {
    const letters = (one: string, other: string) =>
      matched([...one], [...other], (letter) => letter).map(([left, right]) => `${left ?? '-'}${right ?? '-'}`);
    expect(letters('abcd', 'axcd')).toEqual(['aa', 'b-', '-x', 'cc', 'dd']);
    expect(letters('', 'ab')).toEqual(['-a', '-b']);
    expect(letters('abab', 'ba')).toEqual(['a-', 'bb', 'aa', 'b-']);
  });

  test('too much to be compared is set side by side as it comes', () => {
    const many = Array.from({ length: 2500 }, (_none, index) => index);
    expect(matched(many, many.slice(1), String).at(-1)).toEqual([2499, undefined]);
  });

  test('they part at the cut, and steps still stand beside steps', () => {
    const [control, severed] = [1, 2].map((arm) => mqtt.entries.filter((entry) => entry.arm === arm));
    const { slots, parts = -1 } = aligned(control ?? [], severed ?? []);
    expect(slots[parts]?.severed).toMatchObject({ is: 'cut', cut: 'kill' });
    expect(slots[parts]?.control).toBeUndefined();
    for (const { control: left, severed: right } of slots.slice(0, parts)) expect(left?.is).toBe(right?.is);
    const steps = slots.filter(({ control: left }) => left?.is === 'step');
    expect(steps).toHaveLength(6);
    for (const { control: left, severed: right } of steps)
      expect(left).toMatchObject({ is: 'step', step: (right as { step: number }).step });
    const differing = slots.filter(({ differs }) => differs).map(({ severed: right }) => right);
    expect(differing).toMatchObject([{ kind: 'CONNACK' }, { is: 'answer', step: 6 }]);
  });

  test('which end closes first does not part them, and process numbers and ports do not', () => {
    const fin = (side: 'client' | 'server', row: number): Entry => ({
      is: 'link',
      row,
      arm: 1,
      t_ns: 0,
      what: 'fin sent',
      from: 'a',
      to: 'b',
      side,
      over: 'tcp',
    });
    const life = (pid: number): Entry => ({
      is: 'life',
      row: 1,
      arm: 1,
      t_ns: 0,
      life: 'e/1',
      pid,
      port: pid,
      facts: {},
      notes: [],
    });
    const race = aligned([life(1), fin('client', 2), fin('server', 3)], [life(2), fin('server', 2), fin('client', 3)]);
    expect(race.parts).toBeUndefined();
    expect(aligned([life(1), message(2, 'a', 's')], [life(2), message(2, 'b', 's')]).parts).toBe(1);
    const unsent = { ...message(2, 'a', 's'), unsent: true } as Entry;
    expect(aligned([life(1), message(2, 'a', 's')], [life(2), unsent]).parts).toBe(1);
    expect(aligned([life(1), message(2, 'a', 's')], [life(2), message(2, 'a', 's')]).parts).toBeUndefined();
  });
});

test.each([
  ['mqtt', 'memory', 'LOST'],
  ['tcp-session', 'disk', 'KEPT'],
] as const)('%s/%s: the time line says what the ledger says', async (protocol, design, fate) => {
  const page = protocol === 'mqtt' ? mqtt : await played(protocol, design);
  const severed = page.entries.filter(({ arm }) => arm === 2);
  const book = page.ledgers.get(2);
  const cut = severed.find((entry) => entry.is === 'cut');
  if (!book || cut?.is !== 'cut') throw new Error('the severed arm has a cut');
  const all = lanes(severed, book);
  const outcomes = book.accounts.flatMap((account) => account.outcomes);
  expect(outcomes.map((outcome) => outcome.fate)).toContain(fate);
  for (const { subject, known, fate: became, written } of outcomes) {
    const lane = all.of('server', subject);
    expect(lane?.marks.map(({ word }) => word)).toEqual([became]);
    const held = lane?.stays.find(({ end }) => end?.row === cut.row);
    expect(held).toMatchObject({ known, from: written, end: { is: 'taken' } });
    // What was kept, another life has again at once.
    if (became === 'KEPT')
      expect(lane?.stays.some(({ at, known: is }) => at > (held?.until ?? 0) && is === known)).toBe(true);
  }
  // At the end of the arm, the lanes that still run are what the ledger knows.
  const last = severed.findLast((entry) => 'row' in entry);
  const known = book.around((last as { row: number }).row).flatMap(({ after }) => Object.entries(after));
  const running = all.lanes.flatMap(({ subject, stays }) =>
    stays.filter(({ end }) => !end).map((stay) => [subject, stay.known]),
  );
  expect(running.toSorted()).toEqual(known.toSorted());
});
