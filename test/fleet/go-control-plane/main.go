// An SDS server that is not ours, on the library that most control planes are made of: go-control-plane. It serves the PEM
// files of a folder (chain.pem, key.pem, bundle.pem) as "default" and "ROOTCA" on a Unix socket, says "ready", and
// reads them anew for each line of its standard input, whose end ends it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func inline(folder, name string) *core.DataSource {
	bytes, err := os.ReadFile(filepath.Join(folder, name))
	fail(err)
	return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: bytes}}
}

// All Envoys are one node: they get the same.
type oneNode struct{}

func (oneNode) ID(*core.Node) string { return "all" }

func main() {
	socket, folder := os.Args[1], os.Args[2]
	snapshots := cache.NewSnapshotCache(false, oneNode{}, nil)
	version := 0
	load := func() {
		version++
		secrets := []types.Resource{
			&tls.Secret{Name: "default", Type: &tls.Secret_TlsCertificate{TlsCertificate: &tls.TlsCertificate{
				CertificateChain: inline(folder, "chain.pem"), PrivateKey: inline(folder, "key.pem")}}},
			&tls.Secret{Name: "ROOTCA", Type: &tls.Secret_ValidationContext{ValidationContext: &tls.CertificateValidationContext{
				TrustedCa: inline(folder, "bundle.pem")}}},
		}
		snapshot, err := cache.NewSnapshot(strconv.Itoa(version), map[resource.Type][]types.Resource{resource.SecretType: secrets})
		fail(err)
		fail(snapshots.SetSnapshot(context.Background(), "all", snapshot))
	}
	load()
	listener, err := net.Listen("unix", socket)
	fail(err)
	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(1_000_000))
	secret.RegisterSecretDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), snapshots, nil))
	go func() { fail(grpcServer.Serve(listener)) }()
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		load()
	}
}
