// The security half of Istio's own agent, as pilot-agent puts it together: SDS server, secret cache and CA client are
// Istio's, without the Envoy that pilot-agent starts and without its XDS proxy.
//
// Takes pilot-agent's environment variables CA_ADDR, TRUST_DOMAIN, POD_NAMESPACE, SERVICE_ACCOUNT and SECRET_TTL, and
// as arguments the root certificate of the CA and the token. The socket is where pilot-agent has it, below the working
// directory.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/nodeagent/cache"
	"istio.io/istio/security/pkg/nodeagent/caclient/providers/citadel"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

// tokenFile is what a credential fetcher is for the CA client: who knows the token.
type tokenFile string

func (path tokenFile) GetPlatformCredential() (string, error) {
	token, err := os.ReadFile(string(path))
	return string(token), err
}

func (tokenFile) GetIdentityProvider() string { return "" }
func (tokenFile) Stop()                       {}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("got %d arguments, expected the root certificate of the CA and the token", len(os.Args)-1))
	}
	ttl, err := time.ParseDuration(os.Getenv("SECRET_TTL"))
	fail(err)
	options := &security.Options{
		CAEndpoint:                     os.Getenv("CA_ADDR"),
		TrustDomain:                    os.Getenv("TRUST_DOMAIN"),
		WorkloadNamespace:              os.Getenv("POD_NAMESPACE"),
		ServiceAccount:                 os.Getenv("SERVICE_ACCOUNT"),
		ClusterID:                      "Kubernetes",
		ECCSigAlg:                      "ECDSA",
		SecretTTL:                      ttl,
		SecretRotationGracePeriodRatio: 0.5,
		CredFetcher:                    tokenFile(os.Args[2]),
	}
	client, err := citadel.NewCitadelClient(options, &citadel.TLSOptions{RootCert: os.Args[1]})
	fail(err)
	secrets, err := cache.NewSecretManagerClient(client, options)
	fail(err)
	server := sds.NewServer(options, secrets, nil)
	secrets.RegisterSecretHandler(server.OnSecretUpdate)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
	server.Stop()
	secrets.Close()
}

func fail(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
