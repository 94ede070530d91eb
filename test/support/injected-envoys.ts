import { execFile } from 'node:child_process';
import { parseAllDocuments } from 'yaml';

/** What stands in the place of the variables that the kubelet replaces. */
const VARIABLES: Readonly<Record<string, string>> = {
  POD_IP: '10.0.0.7',
  POD_NAME: 'pod-0',
  POD_NAMESPACE: 'foo',
  SERVICE_ACCOUNT: 'account',
};

/** The arguments of each Envoy in the manifests, as the kubelet would give them. */
export function envoyArguments(manifests: string): string[][] {
  return parseAllDocuments(manifests).flatMap((document) => envoysIn(document.toJS()));
}

function envoysIn(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  const { name, args } = Object.fromEntries(Object.entries(value));
  if (name === 'istio-proxy' && Array.isArray(args)) return [args.map(expanded)];
  return Object.values(value).flatMap(envoysIn);
}

/** `$(NAME)` becomes the value, and `$$` a dollar. (Kubernetes, third_party/forked/golang/expansion) */
function expanded(text: string): string {
  return text.replace(/\$\$|\$\((\w+)\)/g, (found, name) => (found === '$$' ? '$' : (VARIABLES[name] ?? found)));
}

/** What `envoy --mode validate` says: `configuration '' OK`, or why not. Its exit code is no judge (see validate). */
export function validateEnvoy(envoy: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(envoy, ['--mode', 'validate', ...args], (_error, stdout, stderr) => {
      const output = stdout + stderr;
      resolve(output.includes(ACCEPTED) ? ACCEPTED : output);
    });
  });
}

export const ACCEPTED = "configuration '' OK";
