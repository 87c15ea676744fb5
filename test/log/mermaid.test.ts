// Diagrams that Mermaid itself draws: its own parser is the judge, in a browser, where it lives.

import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { type Ledger, ledger } from '../../src/capture/ledger.ts';
import type { Entry } from '../../src/capture/records.ts';
import { markdown } from '../../src/log/markdown.ts';
import { mermaid, mermaidMarkdown } from '../../src/log/mermaid.ts';
import { needs, needsMermaid } from '../peers.ts';
import { type PlayedRun, playedRun } from './runs.ts';

const severed = ({ arms }: PlayedRun) => {
  const last = arms.at(-1) as { entries: Entry[]; ledger: Ledger };
  return mermaid(last.entries, last.ledger);
};

test('a killed participant is destroyed, and the next life is created', async () => {
  const lines = severed(await playedRun('mqtt/memory'))
    .split('\n')
    .map((line) => line.trim());
  const at = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line));
  expect(lines[0]).toBe('sequenceDiagram');
  expect(lines.slice(1, 4)).toEqual(['participant p0 as sleeper', 'participant p1 as sender', 'actor p2 as the lab']);
  expect(at(/^create participant p3 as broker\/1$/)).toBeLessThan(at(/^p0->>p3: CONNECT client=sleeper/));
  const destroyed = at(/^destroy p3$/);
  expect(lines[destroyed + 1]).toMatch(/^p2-xp3: SIGKILL broker\/1/);
  // The dead are not spoken of any more.
  expect(lines.slice(destroyed + 2).some((line) => /\bp3\b/.test(line))).toBe(false);
  expect(lines[at(/^create participant p4 as broker\/2$/) + 1]).toBe('p2->>p4: starts, memory empty');
  expect(at(/LOST: session\[sleeper\]/)).toBeGreaterThan(destroyed);
});

test('what a peer says breaks no line and begins no entity', () => {
  const entries: Entry[] = [
    { t_ns: 0, arm: 1, is: 'arm', name: 'control' },
    {
      ...{ t_ns: 1, arm: 1, row: 1, is: 'packet', from: 'client', to: 'echo/1', side: 'client', over: 'udp' },
      ...{ protocol: 'x', kind: 'ECHO', says: '"; end\n%%{init}%% #quot; <b>"\u202e', hex: '', length: 0 },
      ...{ fields: [], leans: [], memory: [] },
    },
  ];
  const lines = mermaid(entries, ledger(entries)).split('\n');
  expect(lines.at(-2)).toBe(
    '  Note over p0: ECHO "#59; end\\x0a#37;#37;{init}#37;#37; #35;quot#59; #60;b#62;"\\u{202e}: reaches nobody',
  );
});

test('Mermaid draws every story', async (context) => {
  const script = needsMermaid(context);
  const executablePath = needs(context, 'chromium');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    await page.setContent('<main></main>');
    await page.addScriptTag({ path: script });
    for (const named of ['udp-echo/plain', 'dns/plain', 'tcp-session/disk', 'ftp/memory', 'mqtt/memory']) {
      const run = await playedRun(named);
      for (const { entries, ledger } of run.arms) {
        const text = mermaid(entries, ledger);
        const drawn = await page.evaluate(async (source) => {
          // biome-ignore lint/suspicious/noExplicitAny: the page's own, which has no types here
          const { mermaid } = globalThis as any;
          mermaid.initialize({ startOnLoad: false });
          const { svg } = await mermaid.render('drawn', source);
          return svg as string;
        }, text);
        expect(drawn).toContain(entries[0]?.is === 'arm' && entries[0].name === 'severed' ? 'SIGKILL' : 'the lab');
        expect(drawn).not.toContain('Syntax error');
      }
    }
  } finally {
    await browser.close();
  }
});

test('a report has the answers of both arms side by side, those that differ in bold, and a diagram of each', async () => {
  const { header, arms } = await playedRun('mqtt/memory');
  const report = markdown({ header, title: 'a title', arms });
  expect(report).toMatch(/^# a title\n\n\*\*lost\*\*: “sleeper: wake up”/);
  expect(report).toContain('| | step | control | severed |');
  expect(report).toMatch(
    /\| 6 \| sleeper: wake up \| \*\*session present 1; .*\*\* \| \*\*session present 0; no letters\*\* \|/,
  );
  expect(report).toMatch(/- \*\*LOST\*\* `session\[sleeper\]`: subscriptions/);
  expect(report.match(/```mermaid\nsequenceDiagram\n/g)).toHaveLength(2);
  expect(mermaidMarkdown('t', arms).match(/^### /gm)).toHaveLength(2);
});

test('what a peer says makes no heading, table cell, link or tag of a report', async () => {
  const run = await playedRun('udp-echo/plain');
  const arms = run.arms.map(({ entries, ledger }) => ({
    ledger,
    entries: entries.map((entry) =>
      // A file of records may come from anybody, and its arms be called anything.
      entry.is === 'arm'
        ? { ...entry, name: '<b>|\n\u001b' as never, at: '<img>\n# a\u001b' }
        : entry.is === 'answer'
          ? { ...entry, answer: '# a | b [c](http://x) <img> `d` ~e~\n\u001b' }
          : entry,
    ),
  }));
  const whole = markdown({ header: run.header, title: 't', arms });
  expect(whole).not.toMatch(/<img>|<b>|^# a/m);
  expect(whole).not.toContain('\u001b');
  expect(whole).toContain('“&#60;img&#62;&#92;x0a&#35; a&#92;x1b”');
  const report = whole.split('## The messages')[0] ?? '';
  expect(report).toContain(
    '&#35; a &#124; b &#91;c&#93;(http://x) &#60;img&#62; &#96;d&#96; &#126;e&#126;&#92;x0a&#92;x1b',
  );
});
