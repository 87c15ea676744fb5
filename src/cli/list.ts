// `amnesia list`: what there is to play.

import { SYLLABUS } from '../../demos/index.ts';
import { loadCard } from '../protocols/index.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT } from './errors.ts';
import { screen } from './screen.ts';

export async function list(options: { json?: boolean | undefined; ascii?: boolean | undefined; color?: boolean | undefined }): Promise<number> {
  const out = screen(options);
  for (const { protocol, tells } of SYLLABUS) {
    const card = await loadCard(protocol);
    if (!card) throw new Error(`the syllabus names ${protocol}, and there is no such protocol`);
    const designs = Object.entries(card.designs);
    if (options.json) {
      process.stdout.write(`${printableJson({ protocol, title: card.title, transport: card.transport, cites: card.cites, tells, designs: designs.map(([name, design]) => ({ name, tells: design.tells, promises: design.promises })) })}\n`);
      continue;
    }
    out.print([{ text: protocol, style: 'bold' }, { text: `  ${card.title} (${card.transport.toUpperCase()}, ${card.cites}): ${tells}` }]);
    for (const [name, design] of designs) out.print([{ text: `  ${`${protocol}/${name}`.padEnd(24)}` }, { text: design.tells, style: 'dim' }]);
  }
  return EXIT.asClaimed;
}
