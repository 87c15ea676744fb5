// The page of a run in a real browser: opened, pointed at, walked through by keys, looked at in both schemes, on a telephone, on
// paper, and without a script.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page as Tab,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { html, type Page } from '../../src/log/html.ts';
import { needs, program } from '../peers.ts';
import { long, message, played, told } from './page.ts';

const folder = temporaryFolder();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LONG_NAME = `${'n'.repeat(400)} ${'word '.repeat(40)}`;
let browser: Browser | undefined;
let mqtt: Page;
let window: BrowserContext | undefined;
/** What the browser complained of, or asked for. */
let complaints: string[] = [];

beforeAll(async () => {
  if (program('chromium') === undefined) return;
  mqtt = await played('mqtt', 'memory');
  browser = await chromium.launch({ executablePath: program('chromium') ?? '', args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser?.close();
  await folder.remove();
});
afterEach(() => {
  expect(complaints.splice(0)).toEqual([]);
});

/** The page in a tab of its own, from a file. */
async function shown(context: TestContext, page: Page, options: BrowserContextOptions = {}): Promise<Tab> {
  needs(context, 'chromium');
  if (!browser) throw new Error('the browser did not start');
  const path = join(folder.path, 'run.html');
  writeFileSync(path, html(page));
  await window?.close();
  window = await browser.newContext({
    viewport: { width: 1400, height: 900 },
    reducedMotion: 'reduce',
    ...options,
  });
  const tab = await window.newPage();
  complaints = [];
  tab.on('console', (said) => complaints.push(said.text()));
  tab.on('pageerror', (error) => complaints.push(error.message));
  tab.on('dialog', (dialog) => complaints.push(`a dialog: ${dialog.message()}`));
  const address = pathToFileURL(path).href;
  tab.on('request', (request) => {
    if (request.url() !== address) complaints.push(`asked for ${request.url()}`);
  });
  await tab.goto(address);
  return tab;
}

/** The row of the severed arm in which that was said, as a selector. */
function rowOf(kind: string, nth = 0): string {
  const found = mqtt.entries.filter((entry) => entry.is === 'packet' && entry.arm === 2 && entry.kind === kind)[nth];
  return `#r${found && 'row' in found ? found.row : 0}`;
}

function texts(tab: Tab, selector: string): Promise<string[]> {
  return tab.locator(selector).allTextContents();
}

/** Which row the focus is in. */
function focused(tab: Tab): Promise<string> {
  return tab.evaluate<string>(`document.activeElement.closest('.row')?.id ?? document.activeElement.tagName`);
}

/** Both arms from their last steps on, in which there is one of everything: axe looks at each element for a long time. */
function theEnd(page: Page): Page {
  const from = new Map(
    page.entries.flatMap((entry) => (entry.is === 'step' && entry.step === 5 ? [[entry.arm, entry.t_ns]] : [])),
  );
  const entries = page.entries.filter(
    (entry) => entry.is === 'arm' || entry.is === 'life' || entry.t_ns >= (from.get(entry.arm) ?? 0),
  );
  return { ...page, entries };
}

describe('a message opened', () => {
  test('by a click: it shows its bytes and fields, and a field lights exactly its bytes, and the memory it leans on', async (context) => {
    const tab = await shown(context, mqtt);
    const row = rowOf('CONNECT');
    expect(await tab.locator(`${row} .open`).isVisible()).toBe(false);
    await tab.click(`${row} summary`);
    await tab.locator(`${row} [data-byte]`).first().waitFor();
    expect(await texts(tab, `${row} pre.hex`)).toEqual([
      '0000  10 13 00 04 4d 51 54 54  ····MQTT\n0008  04 00 00 3c 00 07 73 6c  ···<··sl\n0010  65 65 70 65 72           eeper\n',
    ]);
    await tab.hover(`${row} .fields li:has(b:text-is("Keep alive"))`);
    expect(await texts(tab, `${row} .hex .lit`)).toEqual(['00', '3c', '·', '<']);
    expect(await texts(tab, `${row} .notes .lit`)).toEqual([]);
    await tab.hover(`${row} .fields li:has(b:text-is("Client identifier"))`);
    expect(await texts(tab, `${row} .hex .lit`)).toEqual([
      '73',
      '6c',
      's',
      'l',
      '65',
      '65',
      '70',
      '65',
      '72',
      'e',
      'e',
      'p',
      'e',
      'r',
    ]);
    expect((await texts(tab, `${row} .notes .lit .word`)).map((word) => word.slice(2))).toEqual([
      'needs',
      'keeps',
      'keeps',
    ]);
    expect((await texts(tab, `${row} .ledger .lit b`))[0]).toBe('session[sleeper]');
    expect((await texts(tab, 'li.lane.lit .subject')).toSorted()).toEqual(['path[sleeper]', 'session[sleeper]']);
    await tab.mouse.move(0, 0);
    expect(await tab.locator('.lit').count()).toBe(0);
  });

  test('a byte lights all fields that it is part of, and a field of half a byte only that half', async (context) => {
    const tab = await shown(context, mqtt);
    const row = rowOf('CONNACK');
    await tab.click(`${row} summary`);
    await tab.locator(`${row} [data-byte="0"]`).first().hover();
    expect(await texts(tab, `${row} .fields .lit b`)).toEqual(['Type', 'Flags']);
    expect(await texts(tab, `${row} p.byte`)).toEqual(['byte 0: 20, 0010 0000']);
    await tab.hover(`${row} .fields li:nth-child(2)`);
    expect(await tab.locator(`${row} .hex .lit.low`).allTextContents()).toEqual(['20', ' ']);
    await tab.hover(`${row} .fields li:nth-child(1)`);
    expect(await tab.locator(`${row} .hex .lit.high`).count()).toBe(2);
  });

  test('a byte brings its fields into sight, and the page stays where it is', async (context) => {
    const tab = await shown(context, mqtt);
    const row = rowOf('CONNECT');
    await tab.click(`${row} summary`);
    await tab.locator(`${row} [data-byte="1"]`).first().hover();
    const place = (of: string) =>
      tab.evaluate<number>(`document.querySelector('${row} ${of}').getBoundingClientRect().bottom`);
    const [before, bottom] = [await tab.evaluate<number>('scrollY'), await place('.fields')];
    expect(await place('.fields li:last-child')).toBeGreaterThan(bottom);
    await tab.locator(`${row} [data-byte="20"]`).first().hover();
    expect(await place('.fields li:last-child')).toBeLessThanOrEqual(bottom + 1);
    expect(await tab.evaluate<number>('scrollY')).toBe(before);
  });

  test('a note lights the field that it is about, and leads to the rows that it names', async (context) => {
    const tab = await shown(context, mqtt);
    const row = rowOf('CONNACK', 2);
    await tab.click(`${row} summary`);
    await tab.hover(`${row} .notes .LOST`);
    expect(await texts(tab, `${row} .fields .lit b`)).toEqual(['Session present']);
    const cut = mqtt.entries.find((entry) => entry.is === 'cut');
    await tab.click(`${row} .notes .LOST a >> nth=1`);
    expect(await focused(tab)).toBe(`r${cut && 'row' in cut ? cut.row : 0}`);
  });
});

test('keys: through the rows, into a message and out, to the cut, to the other arm, and help', async (context) => {
  const tab = await shown(context, mqtt);
  const press = (key: string) => tab.keyboard.press(key);
  await press('c');
  const cut = await focused(tab);
  expect(await tab.locator(`#${cut}`).getAttribute('class')).toContain('cut');
  const number = Number(cut.slice(1));
  await press('j');
  await press('ArrowDown');
  expect(await focused(tab)).toBe(`r${number + 2}`);
  await press('k');
  expect(await focused(tab)).toBe(`r${number + 1}`);
  await press('n');
  const row = await focused(tab);
  expect(row).toBe(rowOf('CONNECT', 2).slice(1));
  const isOpen = () => tab.evaluate<boolean>(`document.getElementById('${row}').open`);
  await press('Enter');
  expect(await isOpen()).toBe(true);
  await tab.locator(`#${row} [data-byte]`).first().waitFor();
  await press('ArrowDown');
  expect(await texts(tab, `#${row} .fields .lit b`)).toEqual(['Type']);
  await press('ArrowDown');
  expect(await texts(tab, `#${row} .fields .lit b`)).toEqual(['Flags']);
  await press('Escape');
  expect([await isOpen(), await focused(tab)]).toEqual([false, row]);
  await press('ArrowRight');
  expect(await isOpen()).toBe(true);
  await press('ArrowLeft');
  expect(await isOpen()).toBe(false);
  await press('s');
  const other = await focused(tab);
  expect(other).not.toBe(row);
  expect(await tab.locator(`#${other} summary b`).first().textContent()).toBe('CONNECT');
  expect(await tab.locator(`.control #${other}`).count()).toBe(1);
  await press('?');
  expect(await tab.locator('dialog').isVisible()).toBe(true);
  await press('Escape');
  expect(await tab.locator('dialog').isVisible()).toBe(false);
});

test('lines of both arms stand at the same height, also when one is opened, and the switch shows one arm', async (context) => {
  const tab = await shown(context, mqtt);
  const tops = (which: string) =>
    tab.evaluate<number[]>(
      `[...document.querySelectorAll('.arm.${which} > *')].map((each) => Math.round(each.getBoundingClientRect().top))`,
    );
  const parts = await tab.locator('.part').all();
  expect(parts).toHaveLength(2);
  await tab.click(`${rowOf('SUBSCRIBE')} summary`);
  // The arm's title and heads, and gaps, which have no height, may stand a hair apart.
  const [control, severed] = [await tops('control'), await tops('severed')];
  expect(control).toHaveLength(severed.length);
  control.forEach((top, index) => {
    expect(Math.abs(top - (severed[index] ?? 0))).toBeLessThan(16);
  });
  await tab.check('#show-severed');
  expect(await tab.locator('.arm.control').isVisible()).toBe(false);
  expect(await tab.locator('.arm.severed').isVisible()).toBe(true);
  // Who follows a link into the other arm is shown both again.
  await tab.evaluate(`location.hash = 'r1'`);
  await tab.locator('.arm.control').waitFor({ state: 'visible' });
});

describe.each(['light', 'dark'] as const)('in the %s scheme', (colorScheme) => {
  test.for([1400, 360])(
    '%i pixels wide, axe finds nothing to mend: messages open, lit, and help',
    async (width, context) => {
      needs(context, 'chromium');
      const tab = await shown(context, theEnd(mqtt), { colorScheme, viewport: { width, height: 800 } });
      const rows = [rowOf('CONNECT', 2), rowOf('CONNACK', 2), rowOf('PUBLISH', 2)];
      for (const row of rows) await tab.click(`${row} summary`);
      await tab.click('.guide summary');
      await tab.hover(`${rows[1]} .notes .LOST`);
      await tab.evaluate(AXE);
      const violations = async (where: string) => {
        const found = await tab.evaluate<{ violations: { id: string; nodes: { failureSummary: string }[] }[] }>(
          `axe.run(${JSON.stringify(where)}, { resultTypes: ['violations'] })`,
        );
        return found.violations.map(({ id, nodes }) => [id, nodes[0]?.failureSummary]);
      };
      expect(await violations('html')).toEqual([]);
      await tab.keyboard.press('?');
      expect(await violations('dialog')).toEqual([]);
    },
  );

  test('the key d changes it', async (context) => {
    const tab = await shown(context, mqtt, { colorScheme });
    const paper = () => tab.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const [light, dark] = ['rgb(252, 251, 248)', 'rgb(23, 24, 27)'];
    expect(await paper()).toBe(colorScheme === 'light' ? light : dark);
    await tab.keyboard.press('d');
    expect(await paper()).toBe(colorScheme === 'light' ? dark : light);
    await tab.click('#theme');
    expect(await paper()).toBe(colorScheme === 'light' ? light : dark);
  });
});

test('on a telephone the page never has to be scrolled sideways, whatever the names are', async (context) => {
  needs(context, 'chromium');
  const odd = told([
    {
      is: 'life',
      row: 1,
      arm: 1,
      t_ns: 0,
      life: `${LONG_NAME}/1`,
      pid: 1,
      port: 7,
      facts: { [LONG_NAME]: LONG_NAME },
      notes: [LONG_NAME],
    },
    message(2, LONG_NAME, LONG_NAME, LONG_NAME),
    { is: 'cut', row: 3, arm: 1, t_ns: 0, cut: 'kill', who: LONG_NAME, facts: { [LONG_NAME]: LONG_NAME } },
  ]);
  for (const page of [mqtt, { ...odd, header: { ...mqtt.header, protocol: LONG_NAME, at: LONG_NAME } }]) {
    const tab = await shown(context, page, { viewport: { width: 360, height: 700 } });
    await tab.evaluate(`for (const each of document.querySelectorAll('details')) each.open = true`);
    expect(await tab.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    expect(complaints).toEqual([]);
  }
});

test('on paper everything that has a note is open, and only there', async (context) => {
  const tab = await shown(context, mqtt, { colorScheme: 'dark' });
  const open = () => tab.locator('details.row[open]').count();
  const noted = await tab.locator('details.row[data-noted]').count();
  expect(noted).toBeGreaterThan(20);
  expect(await open()).toBe(0);
  await tab.emulateMedia({ media: 'print' });
  await tab.locator('details.row[open]').first().waitFor();
  expect(await open()).toBe(noted);
  expect(await tab.evaluate<string>('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
  await tab.emulateMedia({ media: 'screen' });
  await tab.locator('details.row[open]').first().waitFor({ state: 'detached' });
  expect(await open()).toBe(0);
});

test('without a script it can be read: messages open, arms are switched, and nothing is offered that does nothing', async (context) => {
  const tab = await shown(context, mqtt, { javaScriptEnabled: false });
  const row = rowOf('CONNECT');
  await tab.click(`${row} summary`);
  expect(await tab.locator(`${row} pre.hex`).isVisible()).toBe(true);
  expect(await tab.locator('button:visible').count()).toBe(0);
  await tab.check('#show-control');
  expect(await tab.locator('.arm.severed').isVisible()).toBe(false);
});

test('a run of 2,000 rows: keys and bytes still answer', async (context) => {
  const tab = await shown(context, long(2000));
  await tab.keyboard.press('j');
  await tab.keyboard.press('n');
  expect(await focused(tab)).toBe('r2');
  await tab.keyboard.press('Enter');
  await tab.locator('#r2 [data-byte="0"]').first().hover();
  expect(await texts(tab, '#r2 .fields .lit b')).toEqual(['High half', 'Low half']);
  await tab.evaluate(`location.hash = 'r2001'`);
  await tab.locator('#r2001[open]').waitFor();
  expect(await focused(tab)).toBe('r2001');
});
