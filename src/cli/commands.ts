// What can be typed. A command's own code is loaded only when it is typed.

import yargs, { type Argv } from 'yargs';
import { PROTOCOLS, SPOKEN } from '../protocols/index.ts';
import { EXIT, UsageError } from './errors.ts';

const LEVELS = ['line', 'default', 'full'] as const;
const BYTES = ['marked', 'all', 'none'] as const;
/** The words of `src/lab/journals/sync.ts`, which is not loaded only to be told of. */
const SYNC = {
  choices: ['device', 'os'] as const,
  requiresArg: true,
  describe: 'disk designs: answer when the disk has it, or when the system has it (survives a kill, not a power cut)',
};

/** The words of `src/lab/fleet.ts`, for the same reason. */
const POLICIES = ['round-robin', 'cookie', 'address', 'hash'] as const;
const ACTS = ['none', 'crash', 'add', 'deploy', 'drain', 'store'] as const;

/** Takes a whole number in a range, and says in words what else was given. */
const whole =
  (name: string, least: number, most = Number.MAX_SAFE_INTEGER) =>
  (given: number): number => {
    if (Number.isInteger(given) && given >= least && given <= most) return given;
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
    throw new Error(`${name} takes one whole number ${range}`);
  };

/** What a command cannot do without, and an example of it. */
const NEEDED: Record<string, [what: string, example: string]> = {
  demo: ['a protocol', 'amnesia demo udp-echo'],
  points: ['a protocol', 'amnesia points mqtt'],
  fleet: ['the servers behind a balancer', 'amnesia fleet http/memory'],
  serve: ['a protocol', 'amnesia serve udp-echo --log default'],
  tap: ['a protocol', 'amnesia tap mqtt --listen 1884 --to 127.0.0.1:1883'],
  explain: ['the number of a row', 'amnesia explain 5'],
};
/** Instead of a description: not to be listed. */
const HIDDEN = false as unknown as string;
/** What can follow `exercise`; the words of `src/cli/exercise.ts`, for the same reason. */
const EXERCISE_ACTIONS = ['list', 'start', 'check', 'hint', 'solution', 'reset', 'new', 'lint'] as const;

/** Every command, by its first word. */
export const COMMANDS = [
  ...['list', 'demo', 'exercise', 'litmus', 'points', 'fleet', 'tradeoffs', 'serve', 'tap'],
  ...['explain', 'show', 'runs', 'replay', 'completion'],
];

/** Runs one command line and returns the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const [first = ''] = args;
  if (first !== '' && !first.startsWith('-') && !COMMANDS.includes(first))
    throw new UsageError(`there is no command ${JSON.stringify(first)}. Type: amnesia --help`);
  // What stands behind `--` is not for us: it is the command of a server that is checked.
  const behind = first === 'exercise' ? args.indexOf('--') : -1;
  const [own, theirs] = behind === -1 ? [args, undefined] : [args.slice(0, behind), args.slice(behind + 1)];
  /** A shell asks what could come next: what a command accepts is then listed, and only then. */
  const completing = first === '--get-yargs-completions';
  const named = completing ? { choices: await everyName() } : {};
  const course = completing ? { choices: await everyExercise() } : {};
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
  const exporting = <T>(to: Argv<T>) =>
    to
      .option('pcap', { type: 'string', requiresArg: true, describe: 'a .pcapng file for Wireshark' })
      .option('html', { type: 'string', requiresArg: true, describe: 'a page for a browser, in one file' })
      .option('mermaid', {
        type: 'string',
        requiresArg: true,
        describe: 'a sequence diagram: .mmd of the last arm, .md of both',
      })
      .option('markdown', { type: 'string', requiresArg: true, describe: 'a report for a README or an issue' });
  const whichRun = <T>(to: Argv<T>) =>
    to.positional('run', {
      type: 'string',
      describe: 'its number in “runs” (1 is the last, and meant if none is given), or a file of records',
    });
  const seed = <T>(to: Argv<T>) =>
    to.option('seed', {
      type: 'number',
      default: 1,
      requiresArg: true,
      coerce: whole('--seed', 0),
      describe: 'fixes time and chance',
    });

  const cli = yargs([...own])
    .scriptName('amnesia')
    .usage('$0\n\nSmall protocol servers that you can make forget. Without a command: the tour.')
    .command('$0', completing ? HIDDEN : 'the tour: every demo in short, then the matrix', look, (argv) =>
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
        exporting(seed(logging(to)))
          .positional('protocol', {
            type: 'string',
            demandOption: true,
            ...named,
            describe: 'such as udp-echo or tcp-session/disk',
          })
          .option('cut', {
            choices: ['kill', 'forget', 'path', 'swap', 'silence', 'expire', 'store', 'none'] as const,
            requiresArg: true,
            describe: 'what to sever; the story knows a good one',
          })
          .option('at', {
            type: 'string',
            requiresArg: true,
            describe:
              'after which step (2), or on which event ("read 2 DATA", "send 1 ACK", "sent 1 ACK", "write 2", "sync 2")',
          })
          .option('sync', SYNC)
          .option('log', { choices: LEVELS, default: 'default' as const, describe: 'how much to tell' })
          .option('step', { type: 'boolean', describe: 'wait for a key after each step' })
          .option('predict', { type: 'boolean', describe: 'ask before it shows' })
          .example('$0 demo udp-echo', 'a kill that nobody notices')
          .example('$0 demo tcp-session/disk --at "send 2 ACK"', 'killed when an answer was about to leave')
          .example('$0 demo tcp-session --cut path --log full', 'every field, every clause'),
      (argv) => does(async () => (await import('./demo.ts')).demo(await picked(argv.protocol, 'demo'), argv))(),
    )
    .command(
      'exercise [action] [id]',
      'servers to be extended, judged by the wire; watches yours while you write',
      (to) =>
        seed(look(to))
          .positional('action', {
            choices: EXERCISE_ACTIONS,
            describe: 'without one, the current exercise is checked, and again after each save',
          })
          .positional('id', { type: 'string', ...course, describe: 'which; the current one without' })
          .option('dir', { type: 'string', requiresArg: true, describe: 'your folder; ./amnesia-exercises without' })
          .option('all', { type: 'boolean', describe: 'check: all that you have begun' })
          .option('spoil', { type: 'boolean', describe: 'solution: before you have passed' })
          .option('cut', {
            type: 'string',
            requiresArg: true,
            describe: 'check, of a server that looks right: the cut',
          })
          .option('at', {
            type: 'number',
            requiresArg: true,
            coerce: whole('--at', 1),
            describe: 'check, of a server that looks right: after which step',
          })
          .option('answer', {
            type: 'string',
            array: true,
            requiresArg: true,
            describe: 'check, of a log with blanks: what belongs there, once for each',
          })
          // Several answers are meant; elsewhere what is given twice counts once, and the last.
          .parserConfiguration({ 'duplicate-arguments-array': true })
          .example('$0 exercise', 'h hint, l list, n next, r reset, q quit')
          .example('$0 exercise list', 'the course, and what you have passed')
          .example('$0 exercise start echo', 'writes the problem, and a server to start from')
          .example('$0 exercise hint', 'for what failed, and one more of three each time')
          .example('$0 exercise reset', 'the starter again; yours is kept beside it')
          .example('$0 exercise lint echo', 'for authors: what an exercise still lacks')
          .example('$0 exercise check echo -- python3 server.py', 'in any language: PORT is in its environment'),
      (argv) =>
        does(async () =>
          (await import('./exercise.ts')).exercise(argv.action, argv.id, { ...argv, command: commandOf(theirs) }),
        )(),
    )
    .command(
      'litmus [protocols..]',
      'every cut after every step: what is the state filed under, and who holds it',
      (to) =>
        seed(look(to))
          .positional('protocols', {
            type: 'string',
            array: true,
            default: [] as string[],
            ...named,
            describe: 'such as tcp-session or tcp-session/disk; all without',
          })
          // Several names are meant; elsewhere what is given twice counts once, and the last.
          .parserConfiguration({ 'duplicate-arguments-array': true })
          .option('json', { type: 'boolean', describe: 'one JSON object a row, with every judgement' })
          .option('markdown', { type: 'boolean', describe: 'as a Markdown table' })
          .option('exec', {
            type: 'string',
            requiresArg: true,
            describe: 'your own server: a command that listens on PORT, and keeps what it likes in STATE_DIR',
          })
          .option('protocol', {
            choices: SPOKEN,
            requiresArg: true,
            describe: '--exec: what it speaks',
          })
          .option('workload', {
            type: 'string',
            requiresArg: true,
            describe:
              '--exec: what is asked of it: a .json, a .har or a module that exports steps; our own story unless given',
          })
          .option('as', {
            type: 'string',
            default: 'yours',
            requiresArg: true,
            describe: '--exec: what to call it',
          })
          .option('cuts', {
            type: 'string',
            requiresArg: true,
            describe: '--exec: only these: path,kill,swap,silence,store',
          })
          .option('store', {
            choices: ['redis'] as const,
            requiresArg: true,
            describe: '--exec: a Redis of its own for each run, at REDIS_URL, which store then wipes',
          })
          .option('require', {
            type: 'string',
            array: true,
            requiresArg: true,
            describe: '--exec: stateless, "filed under: a name", "held by: a disk", "kill: recovered" (or better)',
          })
          .option('leave-out', {
            type: 'string',
            array: true,
            requiresArg: true,
            describe: '--exec: http: not compared in any answer: "json /at", "pattern [0-9:]{8}"',
          })
          .option('records', {
            type: 'string',
            requiresArg: true,
            describe: '--exec: a .jsonl file for the run without a cut and the worst of each cut',
          })
          .option('patience', {
            type: 'number',
            requiresArg: true,
            coerce: whole('--patience', 1, 600),
            describe: '--exec: how many seconds it may take to start, and a step; ten unless given',
          })
          .option('show-output', { type: 'boolean', describe: '--exec: what it prints, as it does' })
          .example('$0 litmus tcp-session', 'four designs of one protocol')
          .example('$0 litmus --exec "node server.js" --protocol http --workload shop.json', 'your own server'),
      (argv) => does(async () => litmusOf(argv))(),
    )
    .command(
      'points <protocol>',
      'an exchange, killed at each of its points: lost, once or twice',
      (to) =>
        seed(look(to))
          .positional('protocol', {
            type: 'string',
            demandOption: true,
            ...named,
            describe: 'such as tcp-session or tcp-session/disk',
          })
          .option('json', { type: 'boolean', describe: 'one JSON object a point' })
          .option('markdown', { type: 'boolean', describe: 'as a Markdown table' })
          .example('$0 points tcp-session', 'one DATA and its ACK, under every design'),
      (argv) => does(async () => (await import('./points.ts')).points(argv.protocol, argv))(),
    )
    .command(
      'fleet <protocol>',
      'three servers behind a balancer, many users, and something happens: who is logged out',
      (to) =>
        seed(look(to))
          .positional('protocol', {
            type: 'string',
            demandOption: true,
            ...named,
            describe: 'the servers, such as http/memory',
          })
          .option('policy', {
            choices: POLICIES,
            array: true,
            default: ['cookie' as const],
            requiresArg: true,
            describe: 'how the balancer leads; several are tried in turn',
          })
          .option('act', {
            choices: ACTS,
            array: true,
            default: ['crash' as const],
            requiresArg: true,
            describe: 'what happens; deploy restarts each in turn, drain empties it before',
          })
          .option('users', {
            type: 'number',
            default: 1000,
            requiresArg: true,
            coerce: whole('--users', 1, 5_000),
            describe: 'how many are at work',
          })
          .option('json', { type: 'boolean', describe: 'one JSON object a run' })
          .option('markdown', { type: 'boolean', describe: 'as a Markdown table' })
          .example('$0 fleet http/memory --act crash', 'a third of the users has to log in again')
          .example('$0 fleet http/memory --policy cookie hash --act add', 'who moves when a server joins'),
      (argv) => does(async () => (await import('./fleet.ts')).fleet(argv.protocol, argv))(),
    )
    .command(
      'tradeoffs',
      'http, its state held in several places: what each costs, and what each forgets',
      (to) =>
        seed(look(to))
          .option('users', {
            type: 'number',
            default: 100,
            requiresArg: true,
            coerce: whole('--users', 1, 1_000),
            describe: 'how many are at work in each fleet',
          })
          .option('seconds', {
            type: 'number',
            default: 4,
            requiresArg: true,
            coerce: whole('--seconds', 1, 600),
            describe: 'how long each design is under load, in all',
          })
          .option('json', { type: 'boolean', describe: 'one JSON object a design' })
          .option('markdown', { type: 'boolean', describe: 'as a Markdown table' })
          .example('$0 tradeoffs', 'takes about two minutes'),
      (argv) => does(async () => (await import('./tradeoffs.ts')).tradeoffs(argv))(),
    )
    .command(
      'serve <protocol>',
      'serve your own client, with the live log if you like',
      (to) =>
        logging(to)
          .positional('protocol', {
            type: 'string',
            demandOption: true,
            ...named,
            describe: 'such as udp-echo or tcp-session/disk',
          })
          .option('host', {
            type: 'string',
            default: '127.0.0.1',
            requiresArg: true,
            describe: 'where to listen; any but this machine needs --expose',
          })
          .option('port', {
            type: 'number',
            requiresArg: true,
            coerce: whole('--port', 0, 65_535),
            describe: 'where to listen; 0 for any free port',
          })
          .option('expose', { type: 'boolean', describe: 'let other machines in' })
          .option('state-dir', { type: 'string', requiresArg: true, describe: 'where a disk design writes' })
          .option('sync', SYNC)
          .option('rate', {
            type: 'number',
            requiresArg: true,
            coerce: whole('--rate', 0),
            describe: 'datagrams answered per second and source; 0 for all',
          })
          .option('zone', { type: 'string', requiresArg: true, describe: 'dns: the master file of the zone to serve' })
          .option('secret', {
            type: 'string',
            requiresArg: true,
            describe:
              'dns/cookie-shared, http/token, http/hybrid, balancer/cookie: 32 hexadecimal digits that all instances share',
          })
          .option('root', { type: 'string', requiresArg: true, describe: 'ftp: the folder to serve' })
          .option('users', {
            type: 'string',
            requiresArg: true,
            describe:
              'ftp, mqtt, http: name:password, comma-separated, or a file of such lines; who may write, connect, or log in',
          })
          .option('trust', {
            type: 'string',
            requiresArg: true,
            describe:
              'http: addresses of balancers, comma-separated, that are believed when they say whose request it is',
          })
          .option('anonymous', {
            choices: ['no', 'read', 'write'] as const,
            requiresArg: true,
            describe: 'ftp: what those may do who have no password',
          })
          .option('active', {
            choices: ['on', 'off'] as const,
            requiresArg: true,
            describe: 'ftp: whether PORT and EPRT are taken; off with --expose',
          })
          .option('jwt-key-file', {
            type: 'string',
            requiresArg: true,
            describe: 'http/token, http/hybrid: a file with the key that tokens are signed with',
          })
          .option('acl', {
            type: 'string',
            requiresArg: true,
            describe: 'mqtt: a file of lines "allow|deny user|* read|write filter"',
          })
          .option('tls', {
            type: 'number',
            requiresArg: true,
            coerce: whole('--tls', 1, 65_535),
            describe: 'mqtt: a port for TLS as well',
          })
          .option('ws', {
            type: 'number',
            requiresArg: true,
            coerce: whole('--ws', 1, 65_535),
            describe: 'mqtt: a port for WebSocket as well',
          })
          .option('cert', {
            type: 'string',
            requiresArg: true,
            describe: 'ftp, mqtt, http: a certificate for TLS, in a PEM file',
          })
          .option('key', {
            type: 'string',
            requiresArg: true,
            describe: 'ftp, mqtt, http: its private key, in a PEM file',
          })
          .option('store', {
            type: 'string',
            requiresArg: true,
            describe: 'designs that share their state: the Redis it is in (redis://127.0.0.1:6379)',
          })
          .option('to', {
            type: 'string',
            requiresArg: true,
            describe: 'balancer: the servers behind it (127.0.0.1:8001,blue=127.0.0.1:8002)',
          })
          .option('to-file', {
            type: 'string',
            requiresArg: true,
            describe:
              'balancer: a file that lists them, one a line with a name (blue=127.0.0.1:8002), read again every second; drain behind one empties it',
          })
          .option('log', { choices: LEVELS, describe: 'the live log; without it nothing is tapped' })
          .example('$0 serve udp-echo --log default', 'then: nc -u 127.0.0.1 7007')
          .example('$0 serve tcp-session/disk --state-dir ./state', 'kill it and start it again'),
      (argv) => does(async () => (await import('./serve.ts')).serve(await picked(argv.protocol, 'serve'), argv))(),
    )
    .command(
      'tap <protocol>',
      'stand between any client and any server, with the live log; cut what is between them',
      (to) =>
        logging(to)
          .positional('protocol', {
            type: 'string',
            demandOption: true,
            ...(completing ? { choices: PROTOCOLS } : {}),
            describe: 'what the two speak, such as mqtt',
          })
          .option('listen', {
            type: 'number',
            requiresArg: true,
            coerce: whole('--listen', 0, 65_535),
            describe: 'the port for the client; 0 for any free port',
          })
          .option('to', { type: 'string', requiresArg: true, describe: 'where the server is: 127.0.0.1:1883' })
          .option('host', {
            type: 'string',
            default: '127.0.0.1',
            requiresArg: true,
            describe: 'where to listen; any but this machine needs --expose',
          })
          .option('expose', { type: 'boolean', describe: 'let other machines in' })
          .option('allow-remote', { type: 'boolean', describe: 'the server may be on another machine' })
          .option('log', { choices: LEVELS, default: 'default' as const, describe: 'how much to tell' })
          .option('pcap', {
            type: 'string',
            requiresArg: true,
            describe: 'a .pcapng file for Wireshark, written as it goes on',
          })
          .option('max-bytes', {
            type: 'number',
            default: 64 << 20,
            requiresArg: true,
            coerce: whole('--max-bytes', 1024),
            describe: 'how long that file may grow',
          })
          .option('cut', {
            choices: ['path', 'silence'] as const,
            requiresArg: true,
            describe: 'reset all connections (datagrams: another port), or swallow everything',
          })
          .option('after', {
            type: 'string',
            requiresArg: true,
            describe: 'when: after the third PUBLISH has passed ("3 PUBLISH")',
          })
          .option('heal-after', {
            type: 'string',
            requiresArg: true,
            describe: 'how long a silence lasts ("5 s"), or until what is said in it ("2 PINGREQ")',
          })
          .example('$0 tap mqtt --listen 1884 --to 127.0.0.1:1883', 'then: mosquitto_pub -p 1884 …')
          .example(
            '$0 tap dns --listen 5301 --to 127.0.0.1:53 --cut silence --after "1 QUERY" --heal-after "6 s"',
            'the first answer is lost',
          ),
      (argv) => does(async () => (await import('./tap.ts')).tap(argv.protocol, argv))(),
    )
    .command(
      'explain <row>',
      'one row of the last run in full: every field, clause, memory before and after',
      (to) =>
        look(to)
          .positional('row', {
            type: 'number',
            demandOption: true,
            coerce: whole('explain', 1),
            describe: 'the number after # in the log',
          })
          .option('run', {
            type: 'string',
            requiresArg: true,
            describe: 'its number in “runs”, or a file of records (from --json), instead of the last run',
          })
          .example('$0 explain 5', 'row #05 of the last demo'),
      (argv) => does(async () => (await import('./explain.ts')).explain(argv.row, argv))(),
    )
    .command(
      'show [run]',
      'a kept run again, or as a file: for Wireshark, a browser, a README',
      (to) =>
        exporting(whichRun(look(to)))
          .option('log', { choices: LEVELS, default: 'default' as const, describe: 'how much to tell' })
          .option('bytes', { choices: BYTES, default: 'marked' as const, describe: 'which bytes to show' })
          .option('json', { type: 'boolean', describe: 'its records as JSON lines' })
          .example('$0 show --html run.html', 'the last run, as a page')
          .example('$0 show 2 --pcap run.pcapng', 'the last but one, for Wireshark'),
      (argv) => does(async () => (await import('./show.ts')).show(argv.run, argv))(),
    )
    .command(
      'runs',
      'the runs that are kept, the last one first',
      (to) => look(to).option('json', { type: 'boolean', describe: 'as JSON lines' }),
      (argv) => does(async () => (await import('./show.ts')).runs(argv))(),
    )
    .command(
      'replay [run]',
      'a run once more: the same log comes of it, or it is shown where it does not',
      (to) => whichRun(look(to)).example('$0 replay', 'the last one'),
      (argv) => does(async () => (await import('./replay.ts')).replay(argv.run, argv))(),
    )
    .command(
      'completion',
      'a script for bash or zsh: amnesia completion >> ~/.bashrc',
      (to) => to,
      () => void cli.showCompletionScript(),
    )
    .parserConfiguration({ 'duplicate-arguments-array': false })
    .detectLocale(false)
    .strict()
    .help()
    .version(await version())
    .wrap(Math.min(100, process.stdout.columns ?? 80))
    .exitProcess(false)
    .fail((message, error) => {
      // What was typed is wrong: the parser wraps that in an error of its own, and leaves ours alone.
      if (error && error.name !== 'YError') throw error;
      const [what, example] = NEEDED[first] ?? [];
      if (what && message.startsWith('Not enough non-option'))
        throw new UsageError(`${first} needs ${what}. Type: ${example}`);
      const help = COMMANDS.includes(first) ? `amnesia ${first} --help` : 'amnesia --help';
      throw new UsageError(`${message.replace(/\s*\n\s*/g, ' ').replace(/\.$/, '')}. Type: ${help}`);
    });
  await cli.parseAsync();
  return code;
}

/** The command of a server, as it stood behind `--`. */
function commandOf(words: readonly string[] | undefined): readonly string[] | undefined {
  if (words?.length === 0)
    throw new UsageError('a command is to follow the --. Type: amnesia exercise check echo -- python3 server.py');
  return words;
}

/** All that can stand where an exercise is named. */
async function everyExercise(): Promise<string[]> {
  return (await import('../../demos/exercises/index.ts')).COURSE.map(({ id }) => id);
}

/** All that can stand where a protocol is named. */
async function everyName(): Promise<string[]> {
  const { pickAll } = await import('./pick.ts');
  const { SYLLABUS } = await import('../../demos/index.ts');
  const designs = (await pickAll(SYLLABUS.map(({ protocol }) => protocol))).map(
    ({ story, design }) => `${story.card.name}/${design}`,
  );
  return [...new Set(designs.map((each) => each.slice(0, each.indexOf('/')))), ...designs];
}

type Litmus = typeof import('./litmus.ts');
type Exec = typeof import('./exec.ts');

/** Of ours, or of a server that is not: what is said of the one means nothing to the other. */
async function litmusOf(
  argv: Parameters<Litmus['litmus']>[1] &
    Omit<Parameters<Exec['exec']>[0], 'exec'> & { protocols: string[]; exec?: string | undefined },
): Promise<number> {
  const { protocols, exec } = argv;
  if (exec !== undefined && protocols.length > 0)
    throw new UsageError(
      `--exec starts a server that is not ours, and ${protocols[0]} is one of ours: choose one. Type: amnesia litmus --help`,
    );
  if (exec !== undefined) return (await import('./exec.ts')).exec({ ...argv, exec });
  const stray = (['protocol', 'workload', 'cuts', 'store', 'require', 'leaveOut', 'records', 'patience'] as const).find(
    (name) => argv[name] !== undefined,
  );
  if (stray !== undefined)
    throw new UsageError(
      `--${stray === 'leaveOut' ? 'leave-out' : stray} is for a server of your own, which --exec starts. Type: amnesia litmus --help`,
    );
  return (await import('./litmus.ts')).litmus(protocols, argv);
}

async function picked(named: string, command: string) {
  return (await import('./pick.ts')).pick(named, command);
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const file = new URL(import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json', import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}
