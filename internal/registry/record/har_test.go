package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
	"reconciler/internal/secrets"
)

const (
	user  = "SECRETuser"
	site  = "https://gitlab.SECRETcompany.example"
	token = "glpat-SECRETtokenvalue"
	id    = "90071992547"
)

// consoles are network records of three consoles that differ in everything: the
// assumed names over JSON, other names and nesting, and a gateway.
func consoles() map[string][]call {
	j := "application/json"
	form := "application/x-www-form-urlencoded"
	return map[string][]call{
		"assumed": {
			{"GET", "https://cr.cn-hangzhou.aliyuncs.com/users/sourceAccount?SourceOriginType=GITLAB", "", "", 200, `{"data":{"sourceAccounts":[]},"requestId":"SECRETrequest"}`},
			{"PUT", "https://cr.cn-hangzhou.aliyuncs.com/users/sourceAccount", j, `{"SourceAccount":{"SourceOriginType":"GITLAB","SourceUserName":"` + user + `","SourceToken":"` + token + `","SourceEndpoint":"` + site + `"}}`, 200, `{"data":{"sourceAccountId":` + id + `},"requestId":"SECRETrequest"}`},
			{"GET", "https://cr.cn-hangzhou.aliyuncs.com/users/sourceAccount?SourceOriginType=GITLAB", "", "", 200, `{"data":{"sourceAccounts":[{"sourceAccountId":` + id + `,"sourceOriginType":"GITLAB","sourceUserName":"` + user + `","sourceEndpoint":"` + site + `","gmtCreate":1750000000000}]},"requestId":"SECRETrequest"}`},
			{"DELETE", "https://cr.cn-hangzhou.aliyuncs.com/users/sourceAccount/" + id, "", "", 200, `{"data":{},"requestId":"SECRETrequest"}`},
		},
		"other": {
			{"GET", "https://cr.console.aliyun.com/static/app.js", "", "", 200, `not json`},
			{"GET", "https://cr.console.aliyun.com/api/v2/bindings?kind=gitlab&pageNo=1", "", "", 200, `{"result":{"list":[]}}`},
			{"POST", "https://cr.console.aliyun.com/api/v2/bindings", j, `{"binding":{"kind":"gitlab","credential":{"login":"` + user + `","accessToken":"` + token + `"},"siteUrl":"` + site + `/","confirmed":true,"traceId":"SECRETtrace"}}`, 200, `{"result":{"uuid":"` + id + `"}}`},
			{"GET", "https://cr.console.aliyun.com/api/v2/bindings?kind=gitlab&pageNo=1", "", "", 200, `{"result":{"list":[{"uuid":"` + id + `","kind":"gitlab","owner":{"login":"` + user + `"},"siteUrl":"` + site + `","since":1750000000}]}}`},
			{"DELETE", "https://cr.console.aliyun.com/api/v2/bindings/" + id + "?SECRETparam=SECRETvalue", "", "", 204, ``},
		},
		"gateway": {
			{"POST", "https://cr.console.aliyun.com/data/api.json?action=GetUserSourceAccount", form, `product=cr&action=GetUserSourceAccount&region=cn-hangzhou&sec_token=SECRETsec&umid=SECRETumid&params=%7B%22SourceOriginType%22%3A%22GITLAB%22%7D`, 200, `{"code":"200","data":{"data":{"sourceAccounts":[]}}}`},
			{"POST", "https://cr.console.aliyun.com/data/api.json?action=CreateUserSourceAccount", form, `product=cr&action=CreateUserSourceAccount&sec_token=SECRETsec&params=%7B%22SourceAccount%22%3A%7B%22SourceOriginType%22%3A%22GITLAB%22%2C%22UserName%22%3A%22` + user + `%22%2C%22Token%22%3A%22` + token + `%22%2C%22Domain%22%3A%22` + strings.ReplaceAll(site, ":", "%3A") + `%22%7D%7D`, 200, `{"code":"200","data":{}}`},
			{"POST", "https://cr.console.aliyun.com/data/api.json?action=GetUserSourceAccount", form, `product=cr&action=GetUserSourceAccount&sec_token=SECRETsec&params=%7B%22SourceOriginType%22%3A%22GITLAB%22%7D`, 200, `{"code":"200","data":{"data":{"sourceAccounts":[{"id":` + id + `,"type":"GITLAB","userName":"` + user + `","domain":"` + site + `"}]}}}`},
			{"POST", "https://cr.console.aliyun.com/data/api.json?action=DeleteUserSourceAccount", form, `product=cr&action=DeleteUserSourceAccount&sec_token=SECRETsec&params=%7B%22SourceAccountId%22%3A` + id + `%7D`, 200, `{"code":"200","data":{}}`},
		},
		"foreign": {
			{"GET", "https://cr.cn-hangzhou.aliyuncs.com/v9/hosts?kind=gl", "", "", 200, `{"result":{"found":{"hosts":null}}}`},
			{"POST", "https://cr.cn-hangzhou.aliyuncs.com/v9/hosts", j, `{"host":{"type":"gl","auth":{"login":"` + user + `","key":"` + token + `"},"site":"` + site + `"}}`, 200, `{"result":{}}`},
			{"GET", "https://cr.cn-hangzhou.aliyuncs.com/v9/hosts?kind=gl", "", "", 200, `{"result":{"found":{"hosts":[{"ref":{"no":` + id + `},"type":"gl","since":1750000000000,"who":{"login":"` + user + `","site":"` + site + `"}}]}}}`},
			{"DELETE", "https://cr.cn-hangzhou.aliyuncs.com/v9/hosts/" + id + "/link", "", "", 200, `{"result":{}}`},
		},
		"rpc": {
			{"POST", "https://cr.cn-shanghai.aliyuncs.com/?Action=ListSourceCodeAccount&Version=2018-12-01&InstanceId=crpi-0123456789secret&CodeRepoType=GITLAB", "", "", 200, `{"Code":"success","SourceCodeAccounts":[],"RequestId":"SECRETrequest"}`},
			{"POST", "https://cr.cn-shanghai.aliyuncs.com/", form, `Action=CreateSourceCodeAccount&Version=2018-12-01&InstanceId=crpi-0123456789secret&CodeRepoType=GITLAB&CodeRepoUrl=` + strings.ReplaceAll(site, ":", "%3A") + `&AccessToken=` + token + `&Username=` + user, 200, `{"Code":"success"}`},
			{"POST", "https://cr.cn-shanghai.aliyuncs.com/?Action=ListSourceCodeAccount&Version=2018-12-01&InstanceId=crpi-0123456789secret&CodeRepoType=GITLAB", "", "", 200, `{"Code":"success","SourceCodeAccounts":[{"AccountId":"` + id + `","CodeRepoType":"GITLAB","Username":"` + user + `","CodeRepoUrl":"` + site + `"}],"RequestId":"SECRETrequest"}`},
			{"POST", "https://cr.cn-shanghai.aliyuncs.com/?Action=DeleteSourceCodeAccount&Version=2018-12-01&InstanceId=crpi-0123456789secret&AccountId=" + id, "", "", 200, `{"Code":"success"}`},
		},
	}
}

// A profile made from a console's record reads that console's own answers, and
// writes its requests.
func TestARecordOfAConsoleGivesAProfileThatWorks(t *testing.T) {
	for name, calls := range consoles() {
		t.Run(name, func(t *testing.T) {
			found, err := FromHAR(harOf(t, calls...), Options{Base: wire.Personal()})
			if err != nil {
				t.Fatal(err)
			}
			if text, _ := json.Marshal(found); strings.Contains(strings.ToLower(string(text)), "secret") && !onlyField(string(text)) {
				t.Errorf("the record has a secret:\n%s", text)
			}
			if strings.Contains(fmt.Sprint(found), id) {
				t.Error("the record has the account's id")
			}
			p, findings := wire.Parse("profile", []byte(found.Profile))
			if p == nil {
				t.Fatalf("no profile: %v, missing %q\n%s", findings, found.Missing, found.Profile)
			}
			account := binding.Account{ID: id, Platform: binding.GitLab, Username: user, Address: site}
			arguments := wire.Arguments{InstanceID: "crpi-0123456789secret", Account: account, Token: secrets.New([]byte(token))}
			list := calls[len(calls)-2]
			seen, err := p.Account([]byte(list.answer), binding.GitLab)
			if err != nil || seen == nil || seen.ID != id || seen.Username != user || strings.TrimRight(seen.Address, "/") != site {
				t.Errorf("the account is read as %+v, %v", seen, err)
			}
			if none, err := p.Account([]byte(calls[len(calls)-4].answer), binding.GitLab); err != nil || none != nil {
				t.Errorf("no account is read as %+v, %v", none, err)
			}
			for _, o := range []wire.Operation{wire.ListAccounts, wire.Bind, wire.Unbind} {
				if p.Calls[o].Basis != "recorded" {
					t.Errorf("%s is not recorded: missing %q", o, found.Missing)
				}
				if r, err := p.Request(o, arguments); err != nil {
					t.Errorf("%s: %v", o, err)
				} else {
					t.Logf("%s: %s %s %v %v %s", o, r.Method, r.Path, r.Query, r.Form, r.Body)
				}
			}
			t.Logf("missing %q", found.Missing)
		})
	}
}

// onlyField says that "secret" stands only in words of the vocabulary.
func onlyField(text string) bool {
	return !strings.Contains(text, "SECRET") && !strings.Contains(text, "9secret")
}
