// What the README shows of the chat killed at each point of an exchange is what is measured.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { story } from '../../../demos/websocket.ts';
import { points } from '../../../src/lab/points.ts';
import type { Exchange, Story } from '../../../src/lab/story.ts';
import { LITMUS } from '../../protocol.ts';

test.each(['memory', 'resume'])(
  '%s',
  async (design) => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const told = /<!-- points websocket -->\n(.*)\n<!-- \/points websocket -->/s.exec(readme)?.[1] ?? '';
    const [head = [], , ...rows] = told.split('\n').map((row) => row.slice(2, -2).split(' | '));
    const found: string[] = [];
    for (const exchange of story.exchanges as unknown as Exchange<never>[])
      for (const point of await points({
        story: story as unknown as Story,
        design,
        exchange,
        seed: 1,
        origin: process.hrtime.bigint(),
      }))
        found.push(`${point.exchange}, ${point.at ?? '–'}: ${point.outcome}`);
    expect(found.length).toBeGreaterThan(8);
    expect(found).toEqual(rows.map((cells) => `${cells[0]}, ${cells[1]}: ${cells[head.indexOf(design)]}`));
  },
  LITMUS,
);
