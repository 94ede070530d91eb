import { Client, credentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import t from 'tap';
import { addHealthMethods } from '../../../src/net/grpc/index.js';
import { serveFramed } from '../../support/framed-endpoint.js';

/**
 * As published by gRPC: neither the definitions nor the code of the client are ours. (gRFC A90; grpc-proto,
 * health.proto)
 */
const official = protobuf.parse(`
  syntax = "proto3";
  package grpc.health.v1;
  message HealthCheckResponse {
    enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
    ServingStatus status = 1;
  }
  message HealthListRequest {}
  message HealthListResponse { map<string, HealthCheckResponse> statuses = 1; }
`).root;
const Request = official.lookupType('grpc.health.v1.HealthListRequest');
const Response = official.lookupType('grpc.health.v1.HealthListResponse');

t.test('the list of health has the whole server, as it stands', async (t) => {
  const state = { isServing: true };
  const { path } = await serveFramed(t, { methods: (server) => addHealthMethods(server, () => state.isServing) });
  const client = new Client(`unix:${path}`, credentials.createInsecure());
  t.teardown(() => client.close());
  const list = (): Promise<object> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/List',
        (request: object) => Buffer.from(Request.encode(request).finish()),
        (bytes: Buffer) => Response.toObject(Response.decode(bytes), { enums: String }),
        {},
        (error, response) => (error === null ? resolve(response ?? {}) : reject(error)),
      );
    });
  t.same(await list(), { statuses: { '': { status: 'SERVING' } } });
  state.isServing = false;
  t.same(await list(), { statuses: { '': { status: 'NOT_SERVING' } } });
});
