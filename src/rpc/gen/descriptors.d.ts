/** A `google.protobuf.FileDescriptorProto` for each file that the agent serves, in base64. */
export const fileDescriptors: readonly string[];
