import { describe, expect, test } from 'vitest';
import { matrixLines, type Row } from '../../src/log/matrix.ts';
import { paint } from '../../src/log/text.ts';

const CUTS = ['forget', 'path', 'kill', 'swap', 'silence', 'expire', 'store'];
const VERDICTS = CUTS.map((cut) => ({ cut, verdict: 'untouched' }));
const UNREACHED: Row = {
  protocol: 'dns',
  design: 'nsd',
  cuts: VERDICTS,
  filedUnder: 'nothing that a cut has reached',
  heldBy: 'nobody, or a store that we were not told of',
};
const OURS: Row = { ...UNREACHED, filedUnder: 'the path', heldBy: 'a shared store' };

const painted = (width: number, ...rows: Row[]) => {
  const look = { colour: false, ascii: false, width };
  return matrixLines(rows, look).map((line) => paint(line, look));
};

describe('the matrix in a terminal', () => {
  test.each([80, 100, 123, 124, 160, 200])('%i columns are enough for the longest of what may follow', (width) => {
    const lines = painted(width, OURS, UNREACHED);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(width);
    const text = lines.join(' ').replace(/\s+/g, ' ');
    expect(text).toContain('nothing that a cut has reached');
    expect(text).toContain('nobody, or a store that we were not told of');
  });

  test('a row is one line where all of them fit', () => {
    expect(painted(124, OURS)).toHaveLength(2);
    expect(painted(123, OURS)).toHaveLength(4);
    expect(painted(124, OURS, UNREACHED).length).toBeGreaterThan(4);
    expect(painted(200, OURS, UNREACHED)).toHaveLength(3);
    expect(painted(200, UNREACHED)[1]).toMatch(/ nothing that a cut has reached nobody, or a store/);
  });

  test.each([80, 200])('%i columns: a dash is told what it is, where there is one', (width) => {
    const note = '  –  a cut that cannot be made there, or was not asked for';
    expect(painted(width, OURS)).not.toContain(note);
    expect(painted(width, OURS, { ...OURS, cuts: VERDICTS.slice(0, -1) }).slice(-2)).toEqual(['', note]);
  });
});
