// Builds paths of certificates as crypto/x509 does: a line of JSON for each line of JSON.
package main

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// One leaf, those among which its issuers are, and what a verifier trusts; all in DER.
type question struct {
	Leaf   []byte   `json:"leaf"`
	Others [][]byte `json:"others"`
	Roots  [][]byte `json:"roots"`
	NowMs  int64    `json:"nowMs"`
}

// The paths that a server and a client both accept, each from the leaf's issuer to the anchor; why there is none.
type answer struct {
	Paths  [][][]byte `json:"paths"`
	Reason string     `json:"reason"`
}

func pool(certificates [][]byte) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, der := range certificates {
		// What Go does not parse cannot be part of a path.
		if certificate, err := x509.ParseCertificate(der); err == nil {
			pool.AddCert(certificate)
		}
	}
	return pool
}

func isSame(one, other []*x509.Certificate) bool {
	if len(one) != len(other) {
		return false
	}
	for i := range one {
		if !bytes.Equal(one[i].Raw, other[i].Raw) {
			return false
		}
	}
	return true
}

func judge(q question) answer {
	leaf, err := x509.ParseCertificate(q.Leaf)
	if err != nil {
		return answer{Reason: err.Error()}
	}
	verify := func(usage x509.ExtKeyUsage) ([][]*x509.Certificate, error) {
		return leaf.Verify(x509.VerifyOptions{
			Roots:         pool(q.Roots),
			Intermediates: pool(q.Others),
			CurrentTime:   time.UnixMilli(q.NowMs),
			KeyUsages:     []x509.ExtKeyUsage{usage},
		})
	}
	asServer, err := verify(x509.ExtKeyUsageServerAuth)
	if err != nil {
		return answer{Reason: err.Error()}
	}
	asClient, err := verify(x509.ExtKeyUsageClientAuth)
	if err != nil {
		return answer{Reason: err.Error()}
	}
	found := answer{Reason: "no path is for both"}
	for _, one := range asServer {
		for _, other := range asClient {
			if !isSame(one, other) {
				continue
			}
			path := [][]byte{}
			for _, certificate := range one[1:] {
				path = append(path, certificate.Raw)
			}
			found.Paths = append(found.Paths, path)
		}
	}
	return found
}

func main() {
	decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
	encoder := json.NewEncoder(os.Stdout)
	for decoder.More() {
		var q question
		if err := decoder.Decode(&q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := encoder.Encode(judge(q)); err != nil {
			os.Exit(1)
		}
	}
}
