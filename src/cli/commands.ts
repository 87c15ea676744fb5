// What can be typed. A command's own code is loaded only when it is typed.

import yargs, { type Argv } from 'yargs';
import { EXIT, UsageError } from './errors.ts';

const LEVELS = ['line', 'default', 'full'] as const;
const BYTES = ['marked', 'all', 'none'] as const;

/** Runs one command line and returns the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  let code: number = EXIT.asClaimed;
  const does = (act: () => Promise<number>) => async () => {
    code = await act();
  };

  const look = <T>(to: Argv<T>) =>
    to
      .option('ascii', { type: 'boolean', describe: 'only ASCII characters' })
      .option('color', { type: 'boolean', describe: 'colour; --no-color or NO_COLOR=1 for none' });
  const logging = <T>(to: Argv<T>) =>
    look(to)
      .option('bytes', { choices: BYTES, default: 'marked' as const, describe: 'which bytes to show' })
      .option('json', { type: 'boolean', describe: 'records as JSON lines instead of the log' })
      .option('show-secrets', { type: 'boolean', describe: 'show tokens and passwords as they are' });
  const seed = <T>(to: Argv<T>) => to.option('seed', { type: 'number', default: 1, describe: 'fixes time and chance' });

  const cli = yargs([...args])
    .scriptName('amnesia')
    .usage('$0\n\nSmall protocol servers that you can make forget. Without a command: the tour.')
    .command('$0', 'the tour: every demo in short, then the matrix', look, (argv) =>
      does(async () => (await import('./tour.ts')).tour(argv))(),
    )
    .command(
      'list',
      'protocols, designs and demos, one line each',
      (to) => look(to).option('json', { type: 'boolean', describe: 'as JSON lines' }),
      (argv) => does(async () => (await import('./list.ts')).list(argv))(),
    )
    .command(
      'demo <protocol>',
      'play a demo: as it should go, then with something severed',
      (to) =>
        seed(logging(to))
          .positional('protocol', {
            type: 'string',
            demandOption: true,
            describe: 'such as udp-echo or tcp-session/disk',
          })
          .option('cut', {
            choices: ['kill', 'forget', 'path', 'store', 'none'] as const,
            describe: 'what to sever; the story knows a good one',
          })
          .option('at', {
            type: 'string',
            describe:
              'after which step (2), or on which event ("read 2 DATA", "send 1 ACK", "sent 1 ACK", "write 2", "sync 2")',
          })
          .option('log', { choices: LEVELS, default: 'default' as const, describe: 'how much to tell' })
          .option('step', { type: 'boolean', describe: 'wait for a key after each step' })
          .option('predict', { type: 'boolean', describe: 'ask before it shows' })
          .example('$0 demo udp-echo', 'a kill that nobody notices')
          .example('$0 demo tcp-session/disk --at "send 2 ACK"', 'killed when an answer was about to leave')
          .example('$0 demo tcp-session --cut path --log full', 'every field, every clause'),
      (argv) => does(async () => (await import('./demo.ts')).demo(await picked(argv.protocol), argv))(),
    )
    .command(
      'litmus [protocols..]',
      'every cut at every place: what is the state filed under, and who holds it',
      (to) =>
        seed(look(to))
          .positional('protocols', {
            type: 'string',
            array: true,
            default: [] as string[],
            describe: 'such as tcp-session or tcp-session/disk; all without',
          })
          .option('json', { type: 'boolean', describe: 'one JSON object a row, with every judgement' })
          .option('markdown', { type: 'boolean', describe: 'as a Markdown table' })
          .example('$0 litmus tcp-session', 'three designs of one protocol'),
      (argv) => does(async () => (await import('./litmus.ts')).litmus(argv.protocols, argv))(),
    )
    .command(
      'serve <protocol>',
      'serve your own client, with the live log if you like',
      (to) =>
        logging(to)
          .positional('protocol', {
            type: 'string',
            demandOption: true,
            describe: 'such as udp-echo or tcp-session/disk',
          })
          .option('host', {
            type: 'string',
            default: '127.0.0.1',
            describe: 'where to listen; any but this machine needs --expose',
          })
          .option('port', { type: 'number', describe: 'where to listen; 0 for any free port' })
          .option('expose', { type: 'boolean', describe: 'let other machines in' })
          .option('state-dir', { type: 'string', describe: 'where a disk design writes' })
          .option('rate', { type: 'number', describe: 'datagrams answered per second and source; 0 for all' })
          .option('log', { choices: LEVELS, describe: 'the live log; without it nothing is tapped' })
          .example('$0 serve udp-echo --log default', 'then: nc -u 127.0.0.1 7007')
          .example('$0 serve tcp-session/disk --state-dir ./state', 'kill it and start it again'),
      (argv) => does(async () => (await import('./serve.ts')).serve(await picked(argv.protocol), argv))(),
    )
    .command(
      'explain <row>',
      'one row of the last run in full: every field, clause, memory before and after',
      (to) =>
        look(to)
          .positional('row', { type: 'number', demandOption: true, describe: 'the number after # in the log' })
          .option('run', { type: 'string', describe: 'a file of records (from --json), instead of the last run' })
          .example('$0 explain 5', 'row #05 of the last demo'),
      (argv) => does(async () => (await import('./explain.ts')).explain(argv.row, argv))(),
    )
    .completion('completion', 'a script that completes these commands in bash or zsh')
    .strict()
    .help()
    .version(await version())
    .wrap(Math.min(100, process.stdout.columns ?? 80))
    .exitProcess(false)
    .fail((message, error) => {
      if (error) throw error;
      throw new UsageError(`${message.replace(/\s*\n\s*/g, ' ').replace(/\.$/, '')}. Type: amnesia --help`);
    });
  await cli.parseAsync();
  return code;
}

async function picked(named: string) {
  return (await import('./pick.ts')).pick(named);
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const file = new URL(import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json', import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}
