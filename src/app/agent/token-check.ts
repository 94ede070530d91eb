/** The check of tokens by a key set: kept apart, as few agents have one. */
import type { TokenCheck } from '../../agent/admission/index.js';
import { checkToken, JwksFile, type JwksFileOptions, type TokenExpectations } from '../../pki/token-keys/index.js';
import { Metric, type MetricRegistry } from '../../telemetry/index.js';

interface TokenCheckOptions extends JwksFileOptions, TokenExpectations {
  readonly metrics: MetricRegistry;
}

/**
 * Checks tokens by the keys of a file, which is read again when it has changed.
 * @throws IdentityError `ERR_JWKS_INVALID` when the file cannot be used at start.
 */
export async function openTokenCheck(options: TokenCheckOptions): Promise<TokenCheck> {
  const keys = await JwksFile.open(options);
  const count = (result: 'verified' | 'unknown_key' | 'refused'): void =>
    options.metrics.counter(Metric.tokenChecks, { result }).add();
  return {
    async check(token) {
      try {
        const found = await checkToken(token.toString('latin1'), keys, options);
        count(found.kind === 'verified' ? 'verified' : 'unknown_key');
        return found;
      } catch (error) {
        count('refused');
        throw error;
      }
    },
  };
}
