// `amnesia list`: what there is to play.

import { SYLLABUS } from '../../demos/index.ts';
import { wrap } from '../log/text.ts';
import { loadCard } from '../protocols/index.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT } from './errors.ts';
import { screen } from './screen.ts';

export async function list(options: {
  json?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
}): Promise<number> {
  const out = screen(options);
  for (const { protocol, tells } of SYLLABUS) {
    const card = await loadCard(protocol);
    if (!card) throw new Error(`the syllabus names ${protocol}, and there is no such protocol`);
    const designs = Object.entries(card.designs);
    if (options.json) {
      process.stdout.write(
        `${printableJson({ protocol, title: card.title, transport: card.transport, cites: card.cites, tells, designs: designs.map(([name, design]) => ({ name, tells: design.tells, promises: design.promises })) })}\n`,
      );
      continue;
    }
    out.print(
      ...wrap(
        [{ text: protocol, style: 'bold' }, { text: `  ${card.title}, ${card.transport.toUpperCase()}: ${tells}` }],
        out.look,
        4,
      ),
    );
    for (const [name, design] of designs)
      out.print(
        ...wrap(
          [{ text: `  ${`${protocol}/${name}`.padEnd(24)}` }, { text: design.tells, style: 'dim' }],
          out.look,
          26,
        ),
      );
  }
  return EXIT.asClaimed;
}
