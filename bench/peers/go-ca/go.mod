// A bare CA of Go's own parts, for bench/ca-peers.ts: what it is built of, by version; go.sum has the content.
module sidecert.dev/bench/go-ca

go 1.26.0

require (
	github.com/go-jose/go-jose/v4 v4.1.5
	google.golang.org/grpc v1.83.2
	istio.io/api v1.31.0-rc.0.0.20260824154656-b943409680a7
)

require (
	github.com/golang/protobuf v1.5.4 // indirect
	golang.org/x/net v0.58.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260526163538-3dc84a4a5aaa // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)
