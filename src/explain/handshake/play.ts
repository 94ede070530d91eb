import { judgeCertificate, judgeClocks, judgeRenewal, judgeValidity } from './certificate-rules.js';
import { contextsOf, judgeEnvoy, judgeShowing, judgeTls, judgeVerification } from './envoy-rules.js';
import type { Judgement } from './judgement.js';
import { judgeKey, judgeNames, judgeRevocation, judgeUsage, type Part } from './leaf-rules.js';
import { type Change, changesBehind } from './past.js';
import { judgeBundle, judgePath } from './path-rules.js';
import type { Side } from './side.js';

/** One half of a handshake: one side shows its certificate, the other one verifies it. */
export interface Direction {
  readonly shown: Side;
  readonly verifier: Side;
  /** Of the side that shows. */
  readonly part: Part;
  readonly judgements: readonly Judgement[];
}

export interface Handshake {
  /** The server verifies the client, and the client the server. */
  readonly directions: readonly Direction[];
  /** Of both together: clocks, versions of TLS. */
  readonly common: readonly Judgement[];
  /** The first rule that fails, with what has changed before. */
  readonly first:
    | { readonly judgement: Judgement; readonly where: Direction | undefined; readonly changes: readonly Change[] }
    | undefined;
}

/** Plays a TLS handshake of a client and a server, rule by rule, in both directions. Pure. */
export function playHandshake(client: Side, server: Side): Handshake {
  const directions = [
    play({ shown: client, verifier: server, part: 'client' }),
    play({ shown: server, verifier: client, part: 'server' }),
  ];
  const tls = judgeTls(client, server);
  const common = [judgeClocks(client, server), ...(tls === undefined ? [] : [tls])];
  const failed = firstFailure(directions, common);
  return {
    ...{ directions, common },
    first: failed && { ...failed, changes: changesBehind(failed.judgement, [server, client]) },
  };
}

/** In the order of a handshake: without a certificate there is none. Envoys hold what agents serve, and come last. */
function play({ shown, verifier, part }: Omit<Direction, 'judgements'>): Direction {
  const verifierPart = part === 'client' ? 'server' : 'client';
  const contexts = contextsOf(verifier, verifierPart);
  const judgements = [
    judgeCertificate(shown, verifier),
    judgeBundle(verifier),
    judgeValidity(shown, verifier),
    ...judgePath(shown, verifier),
    judgeUsage(shown, part),
    judgeKey(shown, verifier, contexts),
    judgeNames(shown, verifier, contexts),
    judgeRevocation(shown, verifier),
    judgeVerification(verifier, verifierPart),
    judgeShowing(shown, part),
    judgeEnvoy(shown, 'certificate'),
    judgeEnvoy(verifier, 'validation-context'),
    judgeRenewal(shown),
  ].filter((one) => one !== undefined);
  return { shown, verifier, part, judgements };
}

/** A certificate that is not there explains the bundle that is not: it comes first, on whichever side. */
function firstFailure(directions: readonly Direction[], common: readonly Judgement[]) {
  const failures = directions.flatMap((where) =>
    where.judgements.flatMap((judgement, index) => (judgement.verdict === 'fail' ? [{ judgement, where, index }] : [])),
  );
  const rank = (rule: string): number => (rule === 'certificate' ? 0 : rule.startsWith('Envoy') ? 2 : 1);
  const [first] = failures.sort((a, b) => rank(a.judgement.rule) - rank(b.judgement.rule));
  const ofBoth = common.find(({ verdict }) => verdict === 'fail');
  if (first !== undefined && (ofBoth === undefined || rank(first.judgement.rule) < 2)) return first;
  return ofBoth === undefined ? undefined : { judgement: ofBoth, where: undefined };
}
