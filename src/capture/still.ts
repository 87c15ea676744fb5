// What two runs of the same story must have in common: everything but times, process numbers, ports, and what dice have rolled.

import type { Field } from '../wire/fields.ts';
import type { Entry } from './records.ts';

/** An entry without what is of the moment. */
export function still(entry: Entry): Entry {
  const timeless = { ...entry, t_ns: 0 };
  if (timeless.is === 'life')
    return { ...timeless, ...(timeless.pid === undefined ? {} : { pid: 12345 }), port: 54321 };
  // The system rolls ports, also those that a message tells.
  if (timeless.is === 'packet')
    return withoutPort(without(timeless, ({ id, chance }) => chance === true && id === 'port'));
  if (timeless.is === 'link') return withoutPort(timeless);
  return timeless.is === 'cut' && timeless.pid !== undefined ? { ...timeless, pid: 12345 } : timeless;
}

function withoutPort<E extends Entry & { is: 'packet' | 'link' }>(entry: E): E {
  return entry.waits ? { ...entry, waits: { ...entry.waits, port: 54321 } } : entry;
}

/** A packet without the fields that are chosen, their bytes included. */
export function without<P extends Entry & { is: 'packet' }>(entry: P, isChosen: (field: Field) => boolean): P {
  const pairs: string[] = entry.hex.match(/../g) ?? [];
  const fields = entry.fields.map((field) => {
    if (!isChosen(field)) return field;
    pairs.fill('??', field.start, field.end);
    // Under a mask that is rolled by dice, the same is shown whatever the dice say.
    return { ...field, value: '?', ...(field.veiled ? {} : { show: '?' }) };
  });
  return { ...entry, fields, hex: pairs.join('') };
}
