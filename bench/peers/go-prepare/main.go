// What bench/prepare.ts measures, by Go's standard library: P-256 key pairs with their CSRs, both in PEM.
//
//	go-prepare COUNT SPIFFE-ID    makes as many on one core, and prints the last key and CSR
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strconv"
)

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) != 3 {
		fail(fmt.Errorf("got %d arguments, expected COUNT SPIFFE-ID", len(os.Args)-1))
	}
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail(err)
	}
	id, err := url.Parse(os.Args[2])
	if err != nil {
		fail(err)
	}
	var key, csr []byte
	for i := 0; i < count; i++ {
		key, csr, err = prepare(id)
		if err != nil {
			fail(err)
		}
	}
	fmt.Printf("%s%s", key, csr)
}

// The organization is there and empty, as in the CSRs of Istio's agent.
func prepare(id *url.URL) (keyPEM, csrPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := x509.CertificateRequest{
		Subject: pkix.Name{Organization: []string{""}},
		URIs:    []*url.URL{id},
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	csrPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
	return keyPEM, csrPEM, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "go-prepare:", err)
	os.Exit(1)
}
