// The rules of FTP as transcripts: what is heard, what comes of deeds, what is said, and what is remembered. No socket, no file.

import { describe, expect, test } from 'vitest';
import { seededWorld } from '../../../src/lab/world.ts';
import { type Outcome, rulesFor, type State } from '../../../src/protocols/ftp/state.ts';
import { command, type Message, verbs } from '../../../src/protocols/ftp/wire.ts';
import type { Facts } from '../../../src/protocols/shapes.ts';

/** All that is remembered of a path, in one line: `ann may read, in /, type A, offset 0, data port none, transfer none`. */
function wordsOf(facts: Facts, path: string): string | undefined {
  const part = (name: string) => facts[`${name}[${path}]`];
  if (part('folder') === undefined) return part('session');
  const renaming = part('renaming');
  return [
    part('session'),
    `in ${part('folder')}`,
    `type ${part('type')}`,
    `offset ${part('offset') ?? 0}`,
    `data port ${part('data port') ?? 'none'}`,
    `transfer ${part('transfer') ?? 'none'}`,
    ...(renaming === undefined ? [] : [`renaming ${renaming}`]),
  ].join(', ');
}

const rules = rulesFor({ dials: true });

const PATH = '127.0.0.1:50000';
const world = seededWorld(1, 'server');

/** A visit: everything that is heard and learnt, with what was answered, step by step. */
function visit(path = PATH) {
  const state: State = rules.empty();
  const steps: string[] = [];
  const did = (decision: ReturnType<typeof rules.decide>): string => {
    for (const event of decision.events) {
      expect(JSON.parse(JSON.stringify(event))).toEqual(event);
      expect(rules.lasting(event)).toBe(false);
      rules.apply(state, event);
    }
    const words = decision.actions.map((action) => {
      expect(action.to).toBe(path);
      if ('hangUp' in action) return 'hang up';
      if ('does' in action) return `do ${action.does.is}`;
      return action.say.is === 'reply' ? String(action.say.code) : 'a command';
    });
    return words.join(', ');
  };
  const step = (heard: string, decision: ReturnType<typeof rules.decide>) => {
    const answer = did(decision);
    steps.push(`${heard} → ${answer}`);
    return answer;
  };
  const self = {
    state,
    steps,
    /** Says a line; the answer in short: codes, and what is done. */
    say(line: string): string {
      const [verb = '', ...rest] = line.split(' ');
      const before = structuredClone(state);
      const decision = rules.decide(state, command(verb, rest.join(' ')), path, world);
      expect(state).toEqual(before);
      return step(line, decision);
    },
    /** What came of the deed before. */
    learn: (outcome: Outcome) =>
      step(outcome.is, rules.learn?.(state, outcome, path, world) ?? { events: [], actions: [] }),
    greet: () => step('greet', rules.greet?.(state, path, world) ?? { events: [], actions: [] }),
    part: () => step('part', rules.part?.(state, path, world) ?? { events: [], actions: [] }),
    known: () => wordsOf(rules.facts(state), path),
    logIn(may: 'read' | 'write' = 'write') {
      self.greet();
      self.say('USER ann');
      self.say('PASS secret');
      self.learn({ is: 'checked', user: 'ann', may });
      return self;
    },
    passive() {
      self.say('EPSV');
      self.learn({ is: 'listening', verb: 'EPSV', host: '127.0.0.1', port: 40_000 });
      return self;
    },
  };
  return self;
}

const FILE = { kind: 'file', name: 'a', path: '/a', size: 5, mtime: 0, id: '00' } as const;
const FOLDER = { kind: 'folder', name: 'pub', path: '/pub', size: 0, mtime: 0, id: '00' } as const;

describe('who speaks', () => {
  test('greeted, named, logged in, and forgotten with the connection', () => {
    const ann = visit();
    expect(ann.greet()).toBe('220');
    expect(ann.known()).toBe('greeted');
    expect(ann.say('USER ann')).toBe('331');
    expect(ann.known()).toBe('ann by name');
    expect(ann.say('PASS secret')).toBe('do check');
    // Nothing is believed before it is known.
    expect(ann.known()).toBe('ann by name');
    expect(ann.learn({ is: 'checked', user: 'ann', may: 'write' })).toBe('230');
    expect(ann.known()).toBe('ann may write, in /, type A, offset 0, data port none, transfer none');
    ann.part();
    expect(rules.facts(ann.state)).toEqual({});
    expect(ann.part()).toBe('');
  });

  test('three wrong passwords, whatever is said between them', () => {
    const guesser = visit();
    guesser.greet();
    const guess = () => {
      guesser.say('USER ann');
      guesser.say('PASS x');
      return guesser.learn({ is: 'checked', user: 'ann', may: 'nothing' });
    };
    expect([guess(), guesser.say('NOOP'), guess(), guesser.say('USER other'), guess()]).toEqual([
      '530',
      '200',
      '530',
      '331',
      '421, hang up',
    ]);
  });

  test('a right one in between does not start the count again', () => {
    const ann = visit();
    for (const [may, answer] of [
      ['nothing', '530'],
      ['read', '230'],
      ['nothing', '530'],
      ['read', '230'],
      ['nothing', '421, hang up'],
    ] as const) {
      ann.say('USER ann');
      ann.say('PASS x');
      expect(ann.learn({ is: 'checked', user: 'ann', may })).toBe(answer);
    }
  });

  test('an answer about another name, or about nobody, logs nobody in', () => {
    const ann = visit();
    ann.say('USER ann');
    ann.say('PASS x');
    ann.say('USER bob');
    expect(ann.learn({ is: 'checked', user: 'ann', may: 'write' })).toBe('503');
    expect(ann.known()).toBe('bob by name');
    const forgotten = visit();
    expect(forgotten.learn({ is: 'checked', user: 'ann', may: 'write' })).toBe('503');
    expect(rules.facts(forgotten.state)).toEqual({});
  });

  test('PASS before USER, USER without a name, USER again and REIN', () => {
    const ann = visit();
    expect(ann.say('PASS x')).toBe('503');
    expect(ann.say('USER')).toBe('501');
    ann.logIn().passive();
    expect(ann.say('USER bob')).toBe('331, do unlisten');
    expect(ann.say('PWD')).toBe('530');
    ann.logIn();
    expect(ann.say('REIN')).toBe('220, do unlisten');
    expect(ann.known()).toBe('greeted');
  });

  test('one path knows nothing of another', () => {
    const ann = visit().logIn();
    const other = rules.decide(ann.state, command('PWD'), '127.0.0.1:50001', world);
    expect(other.actions).toMatchObject([{ say: { code: 530 } }]);
  });
});

describe('before a log-in', () => {
  const ALLOWED: Record<string, string> = {
    USER: '501',
    PASS: '503',
    QUIT: '221, hang up',
    NOOP: '200',
    FEAT: '211',
    SYST: '215',
    HELP: '214',
    AUTH: '504',
    OPTS: '501',
    PBSZ: '503',
    PROT: '503',
  };

  test.each([...verbs])('%s', (verb) => {
    expect(visit().say(verb)).toBe(ALLOWED[verb] ?? '530');
    // Forgotten on a live connection, one is as unknown as before.
    const ann = visit().logIn();
    ann.state.sessions.clear();
    expect(ann.say(verb)).toBe(ALLOWED[verb] ?? '530');
  });

  test('what is no command is none for anybody, and what nobody needs is said to be so', () => {
    for (const who of [visit(), visit().logIn()]) {
      expect(who.say('FOO')).toBe('500');
      expect(who.say('__proto__')).toBe('500');
      expect(who.say('constructor')).toBe('500');
      expect(who.say('SITE CHMOD')).toBe('502');
      expect(who.say('ACCT x')).toBe('502');
    }
  });

  test('a reply is no command', () => {
    const decision = rules.decide(
      rules.empty(),
      { is: 'reply', code: 200, lines: [], raw: Buffer.alloc(0) } as Message,
      PATH,
      world,
    );
    expect(decision.actions).toMatchObject([{ say: { code: 500 } }]);
  });
});

describe('where one is', () => {
  test('a folder is remembered when it is there, and only then', () => {
    const ann = visit().logIn();
    expect(ann.say('CWD pub')).toBe('do look');
    expect(ann.known()).toContain('in /,');
    expect(ann.learn({ is: 'failed', why: 'missing', words: 'No.' })).toBe('550');
    expect(ann.known()).toContain('in /,');
    ann.say('XCWD pub');
    expect(ann.learn({ is: 'seen', verb: 'CWD', ...FILE })).toBe('550');
    ann.say('CWD pub');
    expect(ann.learn({ is: 'seen', verb: 'CWD', ...FOLDER })).toBe('250');
    expect(ann.known()).toContain('in /pub,');
    expect(ann.say('XPWD')).toBe('257');
  });

  test('names are meant from there', () => {
    const ann = visit().logIn();
    ann.say('CWD pub');
    ann.learn({ is: 'seen', verb: 'CWD', ...FOLDER });
    const asked = (line: string) => {
      const [verb = '', name = ''] = line.split(' ');
      const [action] = rules.decide(ann.state, command(verb, name), PATH, world).actions;
      return action && 'does' in action && 'path' in action.does ? action.does.path : undefined;
    };
    expect(asked('DELE a')).toBe('/pub/a');
    expect(asked('DELE /a')).toBe('/a');
    expect(asked('DELE ../../../a')).toBe('/a');
    expect(asked('CDUP')).toBe('/');
    expect(asked('MLST')).toBe('/pub');
    expect(asked('STAT -la')).toBe('/pub');
  });

  test('no name, a name that none can have', () => {
    const ann = visit().logIn();
    for (const verb of ['CWD', 'RETR', 'STOR', 'APPE', 'DELE', 'MKD', 'RMD', 'RNFR', 'MDTM'])
      expect(ann.say(verb)).toBe('501');
    for (const name of ['a\0', 'a\r', 'x'.repeat(5000), 'caf\ufffd']) expect(ann.say(`DELE ${name}`)).toBe('501');
  });
});

describe('how and where to', () => {
  test.each([
    ['TYPE A', '200', 'type A'],
    ['TYPE a n', '200', 'type A'],
    ['TYPE I', '200', 'type I'],
    ['TYPE L 8', '200', 'type I'],
    ['TYPE E', '504', 'type A'],
    ['TYPE', '504', 'type A'],
    ['TYPE IX', '504', 'type A'],
    ['MODE S', '200', 'type A'],
    ['MODE B', '504', 'type A'],
    ['STRU f', '200', 'type A'],
    ['STRU R', '504', 'type A'],
    ['ALLO 100', '202', 'type A'],
  ])('%s → %s, %s', (line, code, known) => {
    const ann = visit().logIn();
    expect(ann.say(line)).toBe(code);
    expect(ann.known()).toContain(known);
  });

  test('an offset is for one transfer, and for bytes as they are', () => {
    const ann = visit().logIn().passive();
    expect(ann.say('REST 5')).toBe('504');
    expect(ann.say('REST 0')).toBe('350');
    ann.say('TYPE I');
    for (const wrong of ['', '-1', '1e3', '0x5', '99999999999999999999']) expect(ann.say(`REST ${wrong}`)).toBe('501');
    expect(ann.say('REST 5')).toBe('350');
    expect(ann.known()).toContain('offset 5');
    ann.say('TYPE A');
    expect(ann.known()).toContain('offset 0');
    ann.say('TYPE I');
    ann.say('REST 5');
    expect(ann.say('RETR a')).toBe('do transfer');
    expect(ann.known()).toBe('ann may write, in /, type I, offset 0, data port none, transfer RETR /a');
  });

  test('EPSV ALL: no other way from now on', () => {
    const ann = visit().logIn();
    expect(ann.say('EPSV ALL')).toBe('200');
    for (const line of ['PASV', 'PORT 127,0,0,1,200,0', 'EPRT |1|127.0.0.1|50000|']) expect(ann.say(line)).toBe('501');
    expect(ann.say('EPSV')).toBe('do listen');
  });

  test('address families by their numbers', () => {
    const four = visit().logIn();
    expect([four.say('EPSV 1'), four.say('EPSV 2'), four.say('EPSV x')]).toEqual(['do listen', '522', '522']);
    const six = visit('::1:50000').logIn();
    expect([six.say('EPSV 2'), six.say('EPSV 1'), six.say('EPRT |2|::1|50000|')]).toEqual([
      'do listen',
      '522',
      '200, do unlisten',
    ]);
  });

  test.each([
    ['127.0.0.1:50000', '127.0.0.1', 32_768, '200, do unlisten'],
    ['127.0.0.1:50000', '127.0.0.1', 32_767, '501'],
    ['127.0.0.1:50000', '127.0.0.2', 50_000, '501'],
    ['::ffff:127.0.0.1:50000', '127.0.0.1', 32_768, '200, do unlisten'],
    ['::ffff:127.0.0.1:50000', '127.0.0.1', 32_767, '501'],
    ['192.0.2.1:50000', '192.0.2.1', 1024, '200, do unlisten'],
    ['192.0.2.1:50000', '192.0.2.1', 1023, '501'],
    ['192.0.2.1:50000', '192.0.2.1', 6379, '501'],
    ['192.0.2.1:50000', '192.0.2.2', 40_000, '501'],
    ['192.0.2.1:50000', '127.0.0.1', 40_000, '501'],
  ])('from %s, EPRT to %s port %d: %s', (path, host, port, answer) => {
    const ann = visit(path).logIn();
    expect(ann.say(`EPRT |1|${host}|${port}|`)).toBe(answer);
    expect(ann.known()).toContain(answer === '501' ? 'data port none' : 'data port active');
  });
});

describe('files', () => {
  test('a transfer, from its command to its end', () => {
    const ann = visit().logIn();
    expect(ann.say('RETR a')).toBe('425');
    ann.passive();
    expect(ann.known()).toContain('data port passive');
    expect(ann.say('RETR a')).toBe('do transfer');
    expect(ann.learn({ is: 'opened', path: '/a', size: 5 })).toBe('150');
    expect(ann.say('STAT')).toBe('211');
    expect(ann.learn({ is: 'done', bytes: 5 })).toBe('226');
    expect(ann.known()).toContain('data port none, transfer none');
    // Used up.
    expect(ann.say('RETR a')).toBe('425');
  });

  test('ABOR in the middle: what became of the transfer, then the answer to ABOR', () => {
    for (const [end, code] of [
      [{ is: 'failed', why: 'aborted', words: 'Stopped.' }, '426'],
      [{ is: 'done', bytes: 5 }, '226'],
    ] as const) {
      const ann = visit().logIn().passive();
      ann.say('RETR a');
      expect(ann.say('ABOR')).toBe('do abort');
      expect(ann.learn(end)).toBe(`${code}, 226`);
      expect(ann.say('ABOR')).toBe('226, do unlisten');
    }
  });

  test('QUIT in the middle waits', () => {
    const ann = visit().logIn().passive();
    ann.say('RETR a');
    expect(ann.say('QUIT')).toBe('');
    expect(ann.learn({ is: 'done', bytes: 5 })).toBe('226, 221, hang up');
  });

  test('forgotten in the middle: the end is told, and nothing remembered of it', () => {
    const ann = visit().logIn().passive();
    ann.say('RETR a');
    ann.state.sessions.clear();
    expect(ann.learn({ is: 'opened', path: '/a', size: 5 })).toBe('150');
    expect(ann.learn({ is: 'done', bytes: 5 })).toBe('226');
    expect(rules.facts(ann.state)).toEqual({});
  });

  test.each([
    ['missing', '550'],
    ['notFolder', '550'],
    ['isFolder', '550'],
    ['exists', '550'],
    ['notEmpty', '550'],
    ['denied', '550'],
    ['badName', '553'],
    ['beyond', '554'],
    ['full', '452'],
    ['quota', '552'],
    ['other', '451'],
    ['noConnection', '425'],
    ['notReused', '522'],
    ['noTls', '431'],
    ['reset', '426'],
    ['stalled', '426'],
    ['aborted', '426'],
  ] as const)('a transfer that fails as %s: %s, and it is over', (why, code) => {
    const ann = visit().logIn().passive();
    ann.say('STOR a');
    expect(ann.learn({ is: 'failed', why, words: 'No.' })).toBe(code);
    expect(ann.known()).toContain('transfer none');
  });

  test('MLSD of a file has a code of its own (RFC 3659 §7.2.1)', () => {
    const ann = visit().logIn().passive();
    ann.say('MLSD a');
    expect(ann.learn({ is: 'failed', why: 'notFolder', words: 'No.' })).toBe('501');
  });

  test('who may only read changes nothing', () => {
    const guest = visit().logIn('read').passive();
    for (const line of ['STOR a', 'APPE a', 'STOU', 'DELE a', 'MKD a', 'RMD a', 'RNFR a', 'RNTO a', 'XMKD a', 'XRMD a'])
      expect(guest.say(line)).toBe('550');
    expect(guest.say('RETR a')).toBe('do transfer');
  });

  test('RNFR is remembered for one RNTO', () => {
    const ann = visit().logIn();
    expect(ann.say('RNTO b')).toBe('503');
    ann.say('RNFR a');
    expect(ann.learn({ is: 'failed', why: 'missing', words: 'No.' })).toBe('550');
    expect(ann.say('RNTO b')).toBe('503');
    ann.say('RNFR a');
    expect(ann.learn({ is: 'seen', verb: 'RNFR', ...FILE })).toBe('350');
    expect(ann.known()).toContain('renaming /a');
    expect(ann.say('RNTO b')).toBe('do change');
    expect(ann.known()).not.toContain('renaming');
    expect(ann.learn({ is: 'changed', verb: 'RNTO', path: '/b' })).toBe('250');
    expect(ann.say('RNTO c')).toBe('503');
  });

  test('questions about a file', () => {
    const ann = visit().logIn();
    expect(ann.say('SIZE a')).toBe('550');
    ann.say('TYPE I');
    expect(ann.say('SIZE a')).toBe('do look');
    expect(ann.learn({ is: 'seen', verb: 'SIZE', ...FILE })).toBe('213');
    for (const verb of ['SIZE', 'MDTM'] as const) {
      ann.say(`${verb} pub`);
      expect(ann.learn({ is: 'seen', verb, ...FOLDER })).toBe('550');
    }
    ann.say('MLST a');
    expect(ann.learn({ is: 'seen', verb: 'MLST', ...FILE })).toBe('250');
    ann.say('MKD b');
    expect(ann.learn({ is: 'changed', verb: 'MKD', path: '/b' })).toBe('257');
  });

  test('OPTS MLST chooses what is told, and FEAT says what is chosen', () => {
    const ann = visit();
    const said = (line: string) => {
      const [verb = '', ...rest] = line.split(' ');
      const decision = rules.decide(ann.state, command(verb, rest.join(' ')), PATH, world);
      for (const event of decision.events) rules.apply(ann.state, event);
      const [action] = decision.actions;
      return action && 'say' in action && action.say.is === 'reply' ? action.say.lines : [];
    };
    expect(said('FEAT')).toContain(' MLST type*;size*;modify*;perm*;unique*;');
    expect(said('OPTS MLST Size;nonsense;TYPE;')).toEqual(['MLST OPTS type;size;']);
    expect(said('FEAT')).toContain(' MLST type*;size*;modify;perm;unique;');
    expect(said('OPTS MLST')).toEqual(['MLST OPTS']);
    expect([ann.say('OPTS UTF8 ON'), ann.say('OPTS UTF8 OFF'), ann.say('OPTS X')]).toEqual(['200', '501', '501']);
  });
});

describe('TLS', () => {
  test('AUTH, PBSZ and PROT, in this order', () => {
    const ann = visit();
    ann.greet();
    expect([ann.say('PBSZ 0'), ann.say('PROT P'), ann.say('AUTH GSSAPI'), ann.say('AUTH')]).toEqual([
      '503',
      '503',
      '504',
      '504',
    ]);
    expect(ann.say('AUTH TLS')).toBe('do certify');
    expect(ann.learn({ is: 'certified' })).toBe('234, do encrypt');
    expect(ann.known()).toBe('greeted, TLS');
    expect([ann.say('AUTH TLS'), ann.say('PROT P'), ann.say('PBSZ 0')]).toEqual(['503', '503', '200']);
    expect([ann.say('PROT S'), ann.say('PROT E'), ann.say('PROT X'), ann.say('PROT P')]).toEqual([
      '536',
      '536',
      '504',
      '200',
    ]);
    expect(ann.say('CCC')).toBe('502');
  });

  test('whoever was logged in is not, once TLS has begun: it was said in clear', () => {
    const ann = visit().logIn();
    ann.say('AUTH TLS');
    ann.learn({ is: 'certified' });
    expect(ann.say('PWD')).toBe('530');
  });

  test('what was agreed stays over a log-in; REIN cannot undo it', () => {
    const ann = visit();
    ann.learn({ is: 'certified' });
    ann.say('PBSZ 0');
    ann.say('PROT P');
    ann.say('USER ann');
    ann.say('PASS x');
    ann.learn({ is: 'checked', user: 'ann', may: 'read' });
    expect(ann.known()).toContain(', TLS, private data connections, in /');
    ann.passive();
    const [action] = rules.decide(ann.state, command('RETR', 'a'), PATH, world).actions;
    expect(action).toMatchObject({ does: { is: 'transfer', tls: true } });
    expect(ann.say('REIN')).toBe('502');
  });

  test('without a certificate there is none', () => {
    const ann = visit();
    ann.say('AUTH TLS');
    expect(ann.learn({ is: 'failed', why: 'noTls', words: 'No.' })).toBe('431');
  });
});
