import t from 'tap';
import { CLUSTER_PATIENCE_MS, NO_CLUSTER, openCluster, ownNamespace } from '../support/cluster.js';
import { applyInjected, rolledOut } from './mesh.js';

const HTTPBIN = 'docker.io/mccutchen/go-httpbin:v2.15.0';

/** A server with these probes and hooks of its own. */
function probed(name: string, fields: object): object {
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            {
              ...{ name, image: HTTPBIN, env: [{ name: 'PORT', value: '80' }] },
              ports: [{ name: 'web', containerPort: 80 }],
              ...fields,
            },
          ],
        },
      },
    },
  };
}

/** A gRPC server on port 81 in plain text, whose health service says `status` (1: serving, 2: not). */
function grpcServer(status: number): string[] {
  const program = `
    const server = require('node:http2').createServer();
    server.on('stream', (stream, headers) => {
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, ${status}]));
    });
    server.listen(81);
    process.on('SIGTERM', () => process.exit());`;
  return ['node', '-e', program];
}

t.test(
  'a kubelet probes the application behind strict mutual TLS, and believes it',
  { skip: NO_CLUSTER },
  async (t) => {
    t.setTimeout(CLUSTER_PATIENCE_MS);
    const { cluster } = await openCluster();
    const namespace = await ownNamespace(t, cluster, 'probes');
    const get = (path: string): object => ({ httpGet: { path, port: 'web' } });
    // A second, which is the default, is little for a node that starts pods: a late answer is none of a wrong status.
    const timeoutSeconds = 30;
    await applyInjected(cluster, namespace, [
      probed('well', {
        startupProbe: { ...get('/get'), periodSeconds: 1, timeoutSeconds },
        readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1, timeoutSeconds },
        livenessProbe: { ...get('/status/204'), periodSeconds: 1, timeoutSeconds, failureThreshold: 1 },
        lifecycle: { postStart: get('/get'), preStop: get('/get') },
      }),
      probed('closed', { readinessProbe: { tcpSocket: { port: 81 }, periodSeconds: 1, timeoutSeconds } }),
      probed('grpc-well', {
        command: grpcServer(1),
        readinessProbe: { grpc: { port: 81 }, periodSeconds: 1, timeoutSeconds },
      }),
      probed('grpc-ill', {
        command: grpcServer(2),
        readinessProbe: { grpc: { port: 81 }, periodSeconds: 1, timeoutSeconds },
      }),
      probed('ill', { readinessProbe: { ...get('/status/500'), periodSeconds: 1, timeoutSeconds } }),
    ]);
    await rolledOut(cluster, namespace, 'deployment/well', 'deployment/grpc-well');
    /** Resolves when the kubelet has said this of a pod. */
    const isSaid = async (name: string, text: string): Promise<boolean> => {
      const events = `kubectl get events -n ${namespace} -o jsonpath='{range .items[*]}{.involvedObject.name}: {.message}{"\\n"}{end}'`;
      const script = `until ${events} | grep '^${name}-.*${text}'; do sleep 0.5; done`;
      return (await cluster.enter(['timeout', '120', 'bash', '-c', script])).code === 0;
    };
    t.ok(
      await isSaid('closed', 'Readiness probe failed: HTTP probe failed with statuscode: 503'),
      'a port that is closed',
    );
    t.ok(await isSaid('ill', 'Readiness probe failed: HTTP probe failed with statuscode: 500'), 'an answer of 500');
    t.ok(await isSaid('grpc-ill', 'Readiness probe failed: .*NOT_SERVING'), 'a gRPC service that is not serving');
    const ready = ['-o', 'jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}'];
    const replicas = await cluster.kubectl(['get', 'deployments', '-n', namespace, ...ready]);
    t.equal(replicas.trim(), 'closed= grpc-ill= grpc-well=1 ill= well=1');
    const restarts = ['-o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}'];
    t.match(await cluster.kubectl(['get', 'pods', '-n', namespace, '-l', 'app=well', ...restarts]), /^0( 0)*$/);
  },
);
