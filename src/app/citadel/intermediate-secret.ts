import { applied, type IntermediateStore } from '../../citadel/authority/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import {
  type ApiClient,
  changeSecretData,
  createSecret,
  readSecretState,
  type SecretState,
} from '../../kubernetes/api/index.js';

const NAME = 'sidecert-online-intermediate';
const TYPE = 'sidecert.dev/online-intermediate';

/** As in a CA directory. */
const KEY = 'online-intermediate.pem';

/** Two replicas at once make one conflict; more than a few are another controller. */
const MAX_TRIES = 5;

/** The Secret beside that of the root: all replicas sign with what it has. */
export function intermediatesInSecret(client: ApiClient, namespace: string): IntermediateStore {
  const place = { namespace, name: NAME };
  const name = `Secret ${namespace}/${NAME}`;
  const state = async (): Promise<SecretState | undefined> => {
    try {
      return await readSecretState(client, place);
    } catch (error) {
      if (errorCodeOf(error) === 'ERR_KUBERNETES_NOT_FOUND') return undefined;
      throw error;
    }
  };
  return {
    name,
    read: async () => (await state())?.data.get(KEY),
    async change(change) {
      for (let tries = 1; ; tries += 1) {
        const before = await state();
        try {
          await applied(change, before?.data.get(KEY), (changed) => {
            const data = new Map([[KEY, changed]]);
            return before === undefined
              ? createSecret(client, place, { type: TYPE, data })
              : changeSecretData(client, place, { before, data });
          });
          return;
        } catch (error) {
          if (errorCodeOf(error) !== 'ERR_KUBERNETES_CONFLICT') throw error;
          if (tries === MAX_TRIES) {
            throw new IdentityError('ERR_SIGNER_INVALID', `${name}: is changed by another process all the time`);
          }
        }
      }
    },
  };
}
