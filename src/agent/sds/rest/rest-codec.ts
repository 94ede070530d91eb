import { isUtf8 } from 'node:buffer';
import { IdentityError } from '../../../errors/index.js';
import { parseBoundedJson } from '../../../text/index.js';
import { quote } from '../quote.js';
import { MAX_NAME_BYTES, MAX_NAMES, tooLongName, tooManyNames, wrongType } from '../request-codec.js';
import { versionOf } from '../response-encoder.js';
import type { NamedSecret } from '../sending.js';
import { SECRET_TYPE_URL } from '../type-url.js';
import { JsonWriter } from './json-writer.js';
import { writeMembers } from './protobuf-json.js';
import { SECRET } from './secret-schema.js';

/** A real Envoy's request has some thousand parts, nearly all in its node, whose metadata may be a few levels deep. */
const REQUEST_BOUNDS = { maxDepth: 64, maxParts: 20_000 };

/** What counts of a DiscoveryRequest that comes as a poll: there is no ACK, and no stream. */
export interface Poll {
  /** Each once. */
  readonly names: readonly string[];
  /** The version that the caller has; empty when none. */
  readonly version: string;
}

/**
 * Reads a DiscoveryRequest in ProtoJSON; a member may have its proto name (Envoy's way) or its JSON name. All of `node`
 * is skipped.
 * @throws IdentityError `ERR_REQUEST_INVALID`.
 */
export function parsePoll(body: Buffer): Poll {
  const request = parseObject(body);
  const typeUrl = textOf(request, 'type_url', 'typeUrl');
  // Left out means ours: the path implies the type.
  if (typeUrl !== '' && typeUrl !== SECRET_TYPE_URL) throw wrongType(quote(typeUrl));
  return { names: namesOf(request), version: textOf(request, 'version_info', 'versionInfo') };
}

/**
 * A DiscoveryResponse in ProtoJSON. May hold a key: to be wiped when it is sent.
 * @throws IdentityError `ERR_INTERNAL`: a secret has no JSON.
 */
export function writeDiscoveryResponse(secrets: readonly NamedSecret[], controlPlaneIdentifier: string): Buffer {
  const writer = new JsonWriter();
  writer.raw('{"versionInfo":').text(versionOf(secrets)).raw(',"resources":[');
  for (const [index, { name, secret }] of secrets.entries()) {
    writer
      .raw(index === 0 ? '{"@type":' : ',{"@type":')
      .text(SECRET_TYPE_URL)
      .raw(',"name":')
      .text(name);
    writeMembers(writer, secret.body, SECRET, ',');
    writer.raw('}');
  }
  writer.raw('],"typeUrl":').text(SECRET_TYPE_URL).raw(',"controlPlane":{"identifier":').text(controlPlaneIdentifier);
  return writer.raw('}}').finish();
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseObject(body: Buffer): JsonObject {
  // Read all the same, other names would come of it than were sent. (RFC 8259 §8.1)
  if (!isUtf8(body)) throw invalid('body: got bytes that are not UTF-8, expected a DiscoveryRequest in UTF-8');
  let value: unknown;
  try {
    value = parseBoundedJson(body, REQUEST_BOUNDS);
  } catch (error) {
    // Its message quotes what came.
    throw new IdentityError(
      'ERR_REQUEST_INVALID',
      'body: got no JSON, or JSON of too many parts, expected a DiscoveryRequest',
      { cause: error },
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw invalid('body: got another kind of JSON, expected an object');
}

function textOf(request: JsonObject, protoName: string, jsonName: string): string {
  const value = member(request, protoName, jsonName) ?? '';
  if (typeof value === 'string' && value.isWellFormed()) return value;
  throw invalid(`${jsonName}: got ${kindOf(value)}, expected a string`);
}

function namesOf(request: JsonObject): readonly string[] {
  const value = member(request, 'resource_names', 'resourceNames') ?? [];
  if (!Array.isArray(value)) throw invalid(`resourceNames: got ${typeof value}, expected a list of strings`);
  if (value.length > MAX_NAMES) throw tooManyNames();
  const names = new Set<string>();
  for (const name of value) {
    if (typeof name !== 'string' || !name.isWellFormed()) {
      throw invalid(`resourceNames: got ${kindOf(name)} in it, expected strings`);
    }
    const length = Buffer.byteLength(name);
    if (length > MAX_NAME_BYTES) throw tooLongName(length);
    names.add(name);
  }
  return [...names];
}

/** Half a surrogate pair stands for nothing, and ProtoJSON has no such strings. (RFC 8259 §8.2) */
function kindOf(value: unknown): string {
  return typeof value === 'string' ? 'an unpaired surrogate' : typeof value;
}

/** A member by either of its names, not by both. `null` is as if it was not there. (ProtoJSON, "null") */
function member(request: JsonObject, protoName: string, jsonName: string): unknown {
  const given = [protoName, jsonName].filter((name) => Object.hasOwn(request, name));
  if (given.length > 1) throw invalid(`${jsonName}: got it under two names, expected one`);
  return request[given[0] ?? jsonName] ?? undefined;
}

function invalid(message: string): IdentityError {
  return new IdentityError('ERR_REQUEST_INVALID', message);
}
