import { judgeCertificate, judgeClocks, judgeRenewal, judgeSame, judgeValidity } from './certificate-rules.js';
import { judgeEnvoy } from './envoy-rules.js';
import type { Judgement } from './judgement.js';
import { judgeKey, judgeNames, judgePins, judgeRevocation, judgeUsage, type Part } from './leaf-rules.js';
import { type Change, changesBehind } from './past.js';
import { judgeBundle, judgePath } from './path-rules.js';
import type { Side } from './side.js';
import { contextsOf, judgeShowing, judgeTls, judgeVerification } from './tls-rules.js';

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
  const same = judgeSame(client, server);
  const common = [...(same ? [same] : []), judgeClocks(client, server), ...judgeTls(client, server)];
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
    judgePins(shown, verifier, contexts),
    judgeRevocation(shown, verifier),
    judgeVerification(verifier, verifierPart),
    judgeShowing(shown, part),
    judgeEnvoy(shown, 'certificate'),
    judgeEnvoy(verifier, 'validation-context'),
    judgeRenewal(shown),
  ].filter((one) => one !== undefined);
  return { shown, verifier, part, judgements };
}

/**
 * A certificate that is not there explains the bundle that is not: it comes first, on whichever side. What both agree
 * on comes before certificates are shown.
 */
function firstFailure(directions: readonly Direction[], common: readonly Judgement[]) {
  const inDirections = directions.flatMap((where) =>
    where.judgements.map((judgement) => ({ judgement, where: where as Direction | undefined })),
  );
  const all = [...inDirections, ...common.map((judgement) => ({ judgement, where: undefined }))];
  const failures = all.filter(({ judgement }) => judgement.verdict === 'fail');
  const rank = ({ judgement: { rule }, where }: (typeof all)[0]): number => {
    if (rule === 'certificate') return 0;
    if (where === undefined) return 1;
    return rule.startsWith('Envoy') ? 3 : 2;
  };
  return failures.sort((a, b) => rank(a) - rank(b))[0];
}
