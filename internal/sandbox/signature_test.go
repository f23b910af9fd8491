package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// vector is a request signed by a foreign runtime with key "ak" and secret
// "sk".
type vector struct {
	name, method, target, host string
	header                     map[string]string
	now                        time.Time
}

func vectors() []vector {
	const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	at := time.Date(2026, 11, 22, 15, 38, 14, 0, time.UTC)
	return []vector{
		{
			name: "v2 GET", method: "GET", target: "/users/sourceAccount?SourceOriginType=GITLAB", host: "registry", now: at,
			header: map[string]string{
				"Authorization": "acs ak:+WO4LGqDpw3Lq1QUNbpvILBCKU8=",
				"Accept":        "application/json", "Content-Md5": "1B2M2Y8AsgTpgAmY7PhCfg==", "Content-Type": "application/octet-stream",
				"Date": "Sun, 22 Nov 2026 15:38:14 GMT", "X-Acs-Credentials-Provider": "static_ak",
				"X-Acs-Signature-Method": "HMAC-SHA1", "X-Acs-Signature-Version": "1.0", "X-Acs-Version": "2016-06-07",
			},
		},
		{
			name: "v2 PUT", method: "PUT", target: "/users/sourceAccount", host: "registry", now: at,
			header: map[string]string{
				"Authorization": "acs ak:vwv5YJBl7bxTG7kKBltdSrT3kUY=",
				"Accept":        "application/json", "Content-Type": "application/json; charset=utf-8",
				"Date": "Sun, 22 Nov 2026 15:38:14 GMT", "X-Acs-Action": "GetUserSourceAccount", "X-Acs-Credentials-Provider": "static_ak",
				"X-Acs-Signature-Method": "HMAC-SHA1", "X-Acs-Signature-Nonce": "8504b5cb582838d0a2539c5083233501",
				"X-Acs-Signature-Version": "1.0", "X-Acs-Version": "2016-06-07",
			},
		},
		{
			name: "ACS3 GET", method: "GET", target: "/users/sourceAccount?SourceOriginType=GITLAB", host: "127.0.0.1:18081",
			now: time.Date(2026, 11, 22, 15, 37, 18, 0, time.UTC),
			header: map[string]string{
				"Authorization": "ACS3-HMAC-SHA256 Credential=ak,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=c05c2ceb4c6895e6d541748515179eb36c93c1240722e0035a82a2ee54d77b7c",
				"X-Acs-Action":  "GetUserSourceAccount", "X-Acs-Content-Sha256": emptySHA256, "X-Acs-Credentials-Provider": "static_ak",
				"X-Acs-Date": "2026-11-22T15:37:18Z", "X-Acs-Signature-Nonce": "dbbfef95803bc553aa23dfd8a0320b12", "X-Acs-Version": "2016-06-07",
			},
		},
	}
}

func (v vector) request() *http.Request {
	r := httptest.NewRequest(v.method, v.target, nil)
	r.Host = v.host
	for k, value := range v.header {
		r.Header.Set(k, value)
	}
	return r
}

func verifierAt(now time.Time) *signatureVerifier {
	return &signatureVerifier{
		now: func() time.Time { return now },
		key: func(accessKey string) (string, string, bool) { return "sk", "", accessKey == "ak" },
	}
}

func TestForeignSignaturesAreTaken(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			accessKey, failure := verifierAt(v.now).verify(v.request(), nil)
			if failure != nil || accessKey != "ak" {
				t.Errorf("got %q, %+v; want ak", accessKey, failure)
			}
		})
	}
}

func TestAChangedRequestIsRefused(t *testing.T) {
	changes := []struct {
		name string
		make func(*http.Request)
		want string
	}{
		{"another path", func(r *http.Request) { r.URL.Path = "/repos" }, "SignatureDoesNotMatch"},
		{"another query", func(r *http.Request) { r.URL.RawQuery = "SourceOriginType=GITHUB" }, "SignatureDoesNotMatch"},
		{"another method", func(r *http.Request) { r.Method = "DELETE" }, "SignatureDoesNotMatch"},
		{"another version", func(r *http.Request) { r.Header.Set("X-Acs-Version", "2018-12-01") }, "SignatureDoesNotMatch"},
		{"another key", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(strings.Replace(r.Header.Get("Authorization"), "Credential=ak", "Credential=other", 1), "acs ak:", "acs other:", 1))
		}, "InvalidAccessKeyId.NotFound"},
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAccessKeyId"},
		{"a security token that is none of the key's", func(r *http.Request) { r.Header.Set("X-Acs-Security-Token", "x") }, "InvalidSecurityToken.MismatchWithAccessKey"},
	}
	for _, v := range vectors() {
		for _, change := range changes {
			t.Run(v.name+" with "+change.name, func(t *testing.T) {
				r := v.request()
				change.make(r)
				_, failure := verifierAt(v.now).verify(r, nil)
				if failure == nil || failure.code != change.want {
					t.Errorf("got %+v, want %s", failure, change.want)
				}
			})
		}
	}
}

func TestABodyThatWasNotSignedIsRefused(t *testing.T) {
	want := map[string]string{"v2 GET": "ContentMD5NotMatched", "ACS3 GET": "ContentSHA256NotMatched"}
	for _, v := range vectors() {
		code, covered := want[v.name]
		if !covered {
			continue // v2 without Content-MD5 does not cover the body.
		}
		_, failure := verifierAt(v.now).verify(v.request(), []byte("{}"))
		if failure == nil || failure.code != code {
			t.Errorf("%s: got %+v, want %s", v.name, failure, code)
		}
	}
}

func TestAnACS3SignatureMustCoverTheNonce(t *testing.T) {
	v := vectors()[2]
	r := v.request()
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "x-acs-signature-nonce;", "", 1))
	if _, failure := verifierAt(v.now).verify(r, nil); failure == nil || failure.code != "IncompleteSignature" {
		t.Errorf("got %+v, want IncompleteSignature", failure)
	}
}

func TestOldDatesAndUsedNoncesAreRefused(t *testing.T) {
	for _, v := range vectors() {
		for _, skew := range []time.Duration{-maxSkew - time.Second, maxSkew + time.Second} {
			_, failure := verifierAt(v.now.Add(skew)).verify(v.request(), nil)
			if failure == nil || failure.code != "InvalidTimeStamp.Expired" {
				t.Errorf("%s at %v: got %+v, want InvalidTimeStamp.Expired", v.name, skew, failure)
			}
		}
		if _, hasNonce := v.header["X-Acs-Signature-Nonce"]; !hasNonce {
			continue
		}
		verifier := verifierAt(v.now)
		if _, failure := verifier.verify(v.request(), nil); failure != nil {
			t.Fatalf("%s: %+v", v.name, failure)
		}
		if _, failure := verifier.verify(v.request(), nil); failure == nil || failure.code != "SignatureNonceUsed" {
			t.Errorf("%s again: got %+v, want SignatureNonceUsed", v.name, failure)
		}
	}
}

func FuzzParseAuthorization(f *testing.F) {
	for _, v := range vectors() {
		f.Add(v.header["Authorization"])
	}
	f.Add("")
	f.Add("acs :")
	f.Add("ACS3-HMAC-SHA256 Credential=")
	f.Fuzz(func(t *testing.T, auth string) {
		accessKey, signature, list, ok := parseAuthorization(auth)
		if ok && accessKey == "" {
			t.Errorf("%q: taken without a key", auth)
		}
		if ok && list != nil && signature == "" {
			t.Errorf("%q: taken without a signature", auth)
		}
	})
}
