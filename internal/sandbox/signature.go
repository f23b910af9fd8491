package sandbox

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// acs3 is the name of the newer signature, made of HMAC and SHA-256.
const acs3 = "ACS3-HMAC-SHA256"

// maxSkew is how far a request's date may be from ours: 15 minutes, from the
// product's page on signatures (document 72378).
const maxSkew = 15 * time.Minute

// signatureVerifier checks requests that are signed in one of the two ways that
// the registry accepts: "v2" (HMAC-SHA1) and ACS3 (HMAC-SHA256). It follows the
// documentation and the test vectors, not the vendor's runtime, because it is
// the other side. It is safe for concurrent use.
type signatureVerifier struct {
	now func() time.Time
	// key gives the secret and, for temporary keys, the security token.
	key func(accessKey string) (secret, securityToken string, ok bool)

	mu     sync.Mutex
	nonces map[string]time.Time
	pruned time.Time
}

// signedRequest is what a signature covers.
type signedRequest struct {
	method, path, host string
	query              url.Values
	header             http.Header
	body               []byte
}

// verify says whose request it is.
func (v *signatureVerifier) verify(r *http.Request, body []byte) (string, *wireError) {
	sr := signedRequest{
		method: r.Method, path: r.URL.EscapedPath(), host: r.Host,
		query: r.URL.Query(), header: r.Header, body: body,
	}
	auth := r.Header.Get("Authorization")
	accessKey, signature, list, ok := parseAuthorization(auth)
	if !ok {
		return "", &wireError{http.StatusForbidden, "MissingAccessKeyId", "no signature that is known here"}
	}
	secret, securityToken, ok := v.key(accessKey)
	if !ok {
		return "", &wireError{http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found."}
	}
	if sent := r.Header.Get("X-Acs-Security-Token"); !hmac.Equal([]byte(sent), []byte(securityToken)) {
		return "", &wireError{http.StatusBadRequest, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey."}
	}
	want := ""
	if list != nil {
		if err := sr.checkACS3(list); err != nil {
			return "", err
		}
		want = sr.acs3Signature(secret, list)
	} else {
		if err := sr.checkV2(); err != nil {
			return "", err
		}
		want = sr.v2Signature(secret)
	}
	if !hmac.Equal([]byte(signature), []byte(want)) {
		return "", &wireError{http.StatusBadRequest, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."}
	}
	return accessKey, v.fresh(accessKey, sr)
}

// parseAuthorization takes the header apart. The list of signed headers is nil
// for the v2 kind.
func parseAuthorization(auth string) (accessKey, signature string, list []string, ok bool) {
	if rest, isV2 := strings.CutPrefix(auth, "acs "); isV2 {
		accessKey, signature, ok = strings.Cut(rest, ":")
		return accessKey, signature, nil, ok && accessKey != ""
	}
	rest, isACS3 := strings.CutPrefix(auth, acs3+" ")
	if !isACS3 {
		return "", "", nil, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			accessKey = value
		case "SignedHeaders":
			list = strings.Split(value, ";")
		case "Signature":
			signature = value
		}
	}
	return accessKey, signature, list, accessKey != "" && signature != "" && list != nil
}

// checkV2 checks what the v2 signature does not cover by itself.
func (s signedRequest) checkV2() *wireError {
	if s.header.Get("X-Acs-Signature-Method") != "HMAC-SHA1" || s.header.Get("X-Acs-Signature-Version") != "1.0" {
		return &wireError{http.StatusBadRequest, "InvalidSignatureMethod", "want x-acs-signature-method HMAC-SHA1 and x-acs-signature-version 1.0"}
	}
	if sum := s.header.Get("Content-Md5"); sum != "" {
		have := md5.Sum(s.body)
		if sum != base64.StdEncoding.EncodeToString(have[:]) {
			return &wireError{http.StatusBadRequest, "ContentMD5NotMatched", "Specified Content-MD5 does not match the body."}
		}
	}
	return nil
}

// checkACS3 checks that the signature covers what must be covered, and that
// the digest of the body is the body's.
func (s signedRequest) checkACS3(list []string) *wireError {
	for _, name := range []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"} {
		if !slices.Contains(list, name) {
			return &wireError{http.StatusBadRequest, "IncompleteSignature", "the signature does not cover " + name}
		}
	}
	if s.header.Get("X-Acs-Security-Token") != "" && !slices.Contains(list, "x-acs-security-token") {
		return &wireError{http.StatusBadRequest, "IncompleteSignature", "the signature does not cover x-acs-security-token"}
	}
	if !slices.IsSorted(list) {
		return &wireError{http.StatusBadRequest, "IncompleteSignature", "the signed headers are not sorted"}
	}
	sum := sha256.Sum256(s.body)
	if s.header.Get("X-Acs-Content-Sha256") != hex.EncodeToString(sum[:]) {
		return &wireError{http.StatusBadRequest, "ContentSHA256NotMatched", "x-acs-content-sha256 does not match the body."}
	}
	return nil
}

// v2Signature is base64(HMAC-SHA1(secret, string to sign)).
func (s signedRequest) v2Signature(secret string) string {
	var b strings.Builder
	for _, line := range []string{s.method, s.header.Get("Accept"), s.header.Get("Content-Md5"), s.header.Get("Content-Type"), s.header.Get("Date")} {
		b.WriteString(line + "\n")
	}
	lower := map[string]string{}
	for name, values := range s.header {
		if k := strings.ToLower(name); strings.HasPrefix(k, "x-acs-") {
			lower[k] = strings.Join(values, ",")
		}
	}
	for _, k := range sortedKeys(lower) {
		b.WriteString(k + ":" + lower[k] + "\n")
	}
	b.WriteString(s.path)
	separator := "?"
	for _, k := range sortedKeys(s.query) {
		b.WriteString(separator + k)
		if v := s.query.Get(k); v != "" {
			b.WriteString("=" + v)
		}
		separator = "&"
	}
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(b.String()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// acs3Signature is hex(HMAC-SHA256(secret, string to sign)).
func (s signedRequest) acs3Signature(secret string, list []string) string {
	var pairs []string
	for _, k := range sortedKeys(s.query) {
		pairs = append(pairs, percentEncode(k)+"="+percentEncode(s.query.Get(k)))
	}
	var headers strings.Builder
	for _, name := range list {
		value := s.header.Get(name)
		if name == "host" {
			value = s.host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{
		s.method, s.path, strings.Join(pairs, "&"), headers.String(),
		strings.Join(list, ";"), s.header.Get("X-Acs-Content-Sha256"),
	}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(acs3 + "\n" + hex.EncodeToString(sum[:])))
	return hex.EncodeToString(mac.Sum(nil))
}

// fresh refuses a date too far from ours and a nonce seen before. The nonce is
// kept for as long as its date would be taken.
func (v *signatureVerifier) fresh(accessKey string, s signedRequest) *wireError {
	now := v.now()
	sent, err := time.Parse(time.RFC3339, s.header.Get("X-Acs-Date"))
	if err != nil {
		sent, err = http.ParseTime(s.header.Get("Date"))
	}
	if err != nil || sent.Sub(now).Abs() > maxSkew {
		return &wireError{http.StatusBadRequest, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."}
	}
	nonce := s.header.Get("X-Acs-Signature-Nonce")
	if nonce == "" {
		// Not every runtime sends one with the v2 kind.
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if now.Sub(v.pruned) > maxSkew {
		maps.DeleteFunc(v.nonces, func(_ string, seen time.Time) bool { return now.Sub(seen) > 2*maxSkew })
		v.pruned = now
	}
	if _, seen := v.nonces[accessKey+" "+nonce]; seen {
		return &wireError{http.StatusBadRequest, "SignatureNonceUsed", "Specified signature nonce was used already."}
	}
	if v.nonces == nil {
		v.nonces = map[string]time.Time{}
	}
	v.nonces[accessKey+" "+nonce] = now
	return nil
}

// forget drops the nonces that were seen.
func (v *signatureVerifier) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.nonces = nil // A cleared map keeps its room.
}

// percentEncode encodes as RFC 3986 wants it.
func percentEncode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// sortedKeys are the keys of m in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
