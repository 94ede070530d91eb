import type { JsonObject, KubernetesObject, ObjectMeta, Resource } from '../api/index.js';

/** One entry of a configuration. */
export interface ConfiguredWebhook {
  readonly name: string;
  /** PEM: the roots for the certificate of the webhook. Empty when there are none. */
  readonly caBundle: Buffer;
  /** The name that the certificate has to have; `undefined` when none is to be made out. */
  readonly host: string | undefined;
}

/** (admissionregistration.k8s.io/v1 MutatingWebhookConfiguration) */
export interface WebhookConfiguration extends KubernetesObject {
  readonly metadata: ObjectMeta;
  readonly webhooks: readonly ConfiguredWebhook[];
}

export const WEBHOOK_CONFIGURATIONS: Resource<WebhookConfiguration> = {
  ...{ group: 'admissionregistration.k8s.io', version: 'v1' },
  ...{ kind: 'MutatingWebhookConfiguration', plural: 'mutatingwebhookconfigurations' },
  read: (metadata, { webhooks }) => ({
    metadata,
    webhooks: (Array.isArray(webhooks) ? webhooks : []).flatMap(readOne),
  }),
};

/** Whose `caBundle` this is, and no other field: for a patch by server-side apply, which leaves all else as it is. */
export function caBundleFields({ webhooks }: WebhookConfiguration, caBundle: Buffer): JsonObject {
  const text = caBundle.toString('base64');
  return { webhooks: webhooks.map(({ name }) => ({ name, clientConfig: { caBundle: text } })) };
}

function readOne(value: unknown): ConfiguredWebhook[] {
  if (!isFields(value) || typeof value.name !== 'string') return [];
  const clientConfig = isFields(value.clientConfig) ? value.clientConfig : {};
  const { caBundle, service, url } = clientConfig;
  return [
    {
      name: value.name,
      caBundle: Buffer.from(typeof caBundle === 'string' ? caBundle : '', 'base64'),
      host: isFields(service) ? serviceHost(service) : urlHost(url),
    },
  ];
}

/** By this name the API server calls a service, whatever address it connects to. */
function serviceHost({ name, namespace }: JsonObject): string {
  return `${name}.${namespace}.svc`;
}

function urlHost(url: unknown): string | undefined {
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : undefined;
}

function isFields(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
