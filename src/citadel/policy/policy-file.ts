import { LineCounter, parseDocument } from 'yaml';
import { IdentityError, messageOf } from '../../errors/index.js';
import { FileValue } from '../../system/small-files/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { isUtf16, skipByteOrderMark } from '../../text/index.js';
import { type Every, everyUnreferenced } from '../../timers/index.js';
import { IssuingPolicy, type PolicyRules } from './issuing-policy.js';
import type { FlagTerms } from './issuing-terms.js';
import { MAX_POLICY_BYTES, type PolicyContext, type ReadPolicy, readPolicy } from './read-policy.js';

/** Looking costs a `stat`; a {@link FileValue} does not look more often than once a second. */
const LOOK_INTERVAL_MS = 1500;

/** More than fit on a screen do not help; `sidecert policy check` prints all. */
const MAX_PROBLEMS_TOLD = 20;

export interface PolicyFileOptions extends PolicyContext {
  readonly path: string;
  readonly flags: FlagTerms;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly every?: Every;
}

/**
 * Reads the bytes of a policy: YAML 1.2, of which JSON is a part, without aliases, which can make a lot of a little.
 */
export function parsePolicy(content: Buffer, context: PolicyContext): ReadPolicy {
  const text = skipByteOrderMark(content);
  if (isUtf16(text)) return invalid('text in UTF-16', 'YAML or JSON in UTF-8');
  const lines = new LineCounter();
  const document = parseDocument(text.toString('utf8'), { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const problems = document.errors.map(({ pos: [start], code, message }) => {
    const { line, col } = lines.linePos(start);
    return `line ${line}, column ${col}: got no YAML (${code}: ${message}), expected YAML or JSON`;
  });
  if (problems.length > 0) return { kind: 'invalid', problems };
  try {
    return readPolicy(document.toJS({ maxAliasCount: 0 }), context);
  } catch (error) {
    // Of an alias; of anything else there is an error above.
    return invalid(`an alias (${messageOf(error)})`, 'none');
  }
}

function invalid(got: string, expected: string): ReadPolicy {
  return { kind: 'invalid', problems: [`policy: got ${got}, expected ${expected}`] };
}

/**
 * The policy of a file, read again within two seconds when it changes. A state that cannot be read, or is no policy,
 * does not replace a good one.
 */
export class PolicyFile {
  private readonly stop: () => void;
  private rules: PolicyRules;
  #policy: IssuingPolicy;
  #problem: string | undefined;

  private constructor(
    private readonly options: PolicyFileOptions,
    private readonly file: FileValue<PolicyRules>,
    private readonly refusals: Refusals,
    first: PolicyRules,
  ) {
    const { every = everyUnreferenced, flags } = options;
    this.rules = first;
    this.#policy = new IssuingPolicy(flags, first);
    this.stop = every(LOOK_INTERVAL_MS, () => void this.look());
    this.tell('policy read');
  }

  /**
   * @throws IdentityError `ERR_POLICY_INVALID`: it cannot be read, or is no policy; the message has all that is wrong.
   */
  static async open(options: PolicyFileOptions): Promise<PolicyFile> {
    const { path, logger, now } = options;
    const log = new RateLimitedLogger(logger, now);
    const refusals: Refusals = { last: undefined };
    const file = new FileValue<PolicyRules>({
      ...{ path, what: `policy ${path}`, code: 'ERR_POLICY_INVALID', maxBytes: MAX_POLICY_BYTES },
      parse: (content) => rulesOf(path, parsePolicy(content, options)),
      onRefused(error) {
        refusals.last = messageOf(error);
        const fields = { [Field.path]: path, [Field.error]: refusals.last };
        log.warn('policy could not be reloaded, the last good one stays', fields);
      },
    });
    return new PolicyFile(options, file, refusals, await file.newest());
  }

  /** The newest good one. */
  get policy(): IssuingPolicy {
    return this.#policy;
  }

  /** Why what the file says now is not in use; `undefined` when it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get path(): string {
    return this.options.path;
  }

  /** Reads no more. Safe to call twice. */
  close(): void {
    this.stop();
  }

  /** Never rejects: there is a good state. */
  private async look(): Promise<void> {
    this.refusals.last = undefined;
    const rules = await this.file.recent(this.options.now());
    this.#problem = this.refusals.last;
    if (rules === this.rules) return;
    this.rules = rules;
    this.#policy = new IssuingPolicy(this.options.flags, rules);
    this.tell('policy reloaded');
  }

  private tell(message: string): void {
    this.options.logger.info(message, { [Field.path]: this.path, [Field.count]: this.#policy.ruleCount });
  }
}

/** Why the last look brought no new state. */
interface Refusals {
  last: string | undefined;
}

function rulesOf(path: string, read: ReadPolicy): PolicyRules {
  if (read.kind === 'ok') return read.rules;
  const { problems } = read;
  const told = problems.slice(0, MAX_PROBLEMS_TOLD).join('; ');
  const more = problems.length > MAX_PROBLEMS_TOLD ? `; and ${problems.length - MAX_PROBLEMS_TOLD} more` : '';
  throw new IdentityError('ERR_POLICY_INVALID', `policy ${path}: ${told}${more}`);
}
