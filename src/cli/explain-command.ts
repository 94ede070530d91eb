import type { ExplainConfig } from '../config/index.js';
import { explainHandshake, handshakeDocument, Style, shownHandshake } from '../explain/index.js';
import { symptomOf } from '../symptoms/index.js';
import { redact } from '../telemetry/index.js';
import { Exit, hasColours, print, printError } from './process.js';

/** `sidecert explain`. Resolves with 0 when no rule fails, 1 when one does, 3 when a side cannot be read. */
export async function runExplain(config: ExplainConfig): Promise<number> {
  const { a, b, aIdentity, bIdentity, aExpects, bExpects, aEnvoy, bEnvoy, output } = config;
  const explained = await explainHandshake(
    [
      { label: 'A', page: a, envoy: aEnvoy, identity: aIdentity, expects: aExpects },
      { label: 'B', page: b, envoy: bEnvoy, identity: bIdentity, expects: bExpects },
    ],
    Date.now,
  );
  if (explained.kind === 'unread') {
    for (const { label, reason, symptom } of explained.problems) {
      printError(`sidecert explain: ${label} cannot be read: ${redact(reason)}; ${symptomOf(symptom).advice}\n`);
    }
    return Exit.unknown;
  }
  const { handshake, sides } = explained;
  if (output === 'json') print(`${redact(JSON.stringify(handshakeDocument(handshake, sides), undefined, 2))}\n`);
  else print(`${redact(shownHandshake(handshake, sides, new Style(hasColours(process.stdout))).join('\n'))}\n`);
  return handshake.first === undefined ? Exit.ok : Exit.failed;
}
