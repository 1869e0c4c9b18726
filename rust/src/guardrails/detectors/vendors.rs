//! How keys of known services look: the beginning they all share, and what follows it.

/// Characters behind the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Lower-case hexadecimal.
    Hex,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_` and `-`.
    Word,
    /// As `Word`, with dots.
    Dotted,
    /// As `Dotted`, with the other characters of base64.
    Base64,
}

impl Rest {
    pub(super) fn contains(self, byte: u8) -> bool {
        match self {
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => Self::Word.contains(byte) || byte == b'.',
            Self::Base64 => Self::Dotted.contains(byte) || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// A service's keys; `min` counts the characters behind the beginning, `max` 0 is no limit.
pub(super) struct Vendor {
    pub(super) prefix: &'static str,
    pub(super) rest: Rest,
    pub(super) min: usize,
    pub(super) max: usize,
}

const fn v(prefix: &'static str, rest: Rest, min: usize, max: usize) -> Vendor {
    Vendor { prefix, rest, min, max }
}

/// The service whose keys begin as `text` does: longer beginnings stand before shorter ones.
pub(super) fn find(text: &[u8]) -> Option<&'static Vendor> {
    let [first, second, ..] = *text else { return None };
    let mut next = *HEADS.get(bucket(first, second))?;
    while let Some(vendor) = VENDORS.get(usize::from(next).checked_sub(1)?) {
        if text.starts_with(vendor.prefix.as_bytes()) {
            return Some(vendor);
        }
        next = *NEXT.get(usize::from(next) - 1)?;
    }
    None
}

const fn bucket(first: u8, second: u8) -> usize {
    (first as usize * 37 + second as usize) % 1024
}

/// One more than the index of the first service with such first two bytes, and of the next one
/// behind each: nearly every text is told from all services by one look.
static HEADS: [u8; 1024] = TABLES.0;
static NEXT: [u8; VENDORS.len()] = TABLES.1;

const TABLES: ([u8; 1024], [u8; VENDORS.len()]) = {
    assert!(VENDORS.len() < 255);
    let (mut heads, mut next) = ([0; 1024], [0; VENDORS.len()]);
    let mut index = VENDORS.len();
    while index > 0 {
        index -= 1;
        let prefix = VENDORS[index].prefix.as_bytes();
        let bucket = bucket(prefix[0], prefix[1]);
        next[index] = heads[bucket];
        heads[bucket] = index as u8 + 1;
    }
    (heads, next)
};

use Rest::{Alnum, Base64, Dotted, Hex, Word};

#[rustfmt::skip]
const VENDORS: &[Vendor] = &[
    v("sk-ant-", Word, 20, 0), v("sk-proj-", Word, 20, 0), v("sk-svcacct-", Word, 20, 0), v("sk-admin-", Word, 20, 0),
    v("sk-or-v1-", Hex, 32, 0), v("sk-or-", Word, 20, 0), v("sk-lf-", Word, 20, 0), v("sk_live_", Word, 16, 0),
    v("sk_test_", Word, 16, 0), v("sk_org_live_", Word, 16, 0), v("sk_org_test_", Word, 16, 0), v("sk_prod_", Word, 16, 0),
    v("sk_car_", Word, 16, 0), v("sk_sandbox_", Word, 16, 0), v("sk_", Alnum, 40, 64), v("sk.eyJ", Dotted, 20, 0), v("sk-", Word, 20, 0),
    v("pk-lf-", Word, 20, 0), v("pk_live_", Word, 16, 0), v("pk_test_", Word, 16, 0), v("pk.eyJ", Dotted, 20, 0),
    v("rk_live_", Word, 16, 0), v("rk_test_", Word, 16, 0), v("whsec_", Base64, 20, 0),
    v("ghp_", Alnum, 18, 0), v("gho_", Alnum, 18, 0), v("ghu_", Alnum, 18, 0), v("ghs_", Word, 18, 0), v("ghr_", Alnum, 18, 0),
    v("github_pat_", Word, 22, 0), v("glpat-", Dotted, 18, 0), v("gldt-", Word, 18, 0), v("glrt-", Word, 18, 0),
    v("glcbt-", Word, 18, 0), v("glptt-", Word, 18, 0), v("glft-", Word, 18, 0), v("glsoat-", Word, 18, 0),
    v("glagent-", Word, 18, 0), v("gloas-", Word, 18, 0), v("glimt-", Word, 18, 0), v("glc_", Base64, 32, 0), v("glsa_", Word, 32, 0),
    v("xoxb-", Word, 16, 0), v("xoxp-", Word, 16, 0), v("xoxa-", Word, 20, 0), v("xoxr-", Word, 20, 0), v("xoxs-", Word, 20, 0),
    v("xoxe.", Dotted, 20, 0), v("xoxe-", Word, 20, 0), v("xapp-", Word, 20, 0), v("xai-", Word, 20, 0),
    v("xkeysib-", Word, 32, 0), v("xsmtpsib-", Word, 32, 0),
    v("AIza", Word, 35, 35), v("GOCSPX-", Word, 20, 0), v("ya29.", Dotted, 20, 0), v("hf_", Alnum, 18, 0),
    v("api_org_", Alnum, 30, 0), v("pypi-", Word, 20, 0), v("npm_", Alnum, 36, 36), v("SG.", Dotted, 26, 0),
    v("sq0atp-", Word, 20, 0), v("sq0csp-", Word, 20, 0), v("EAAA", Word, 40, 0), v("EAA", Alnum, 60, 0),
    v("shpat_", Alnum, 32, 0), v("shpca_", Alnum, 32, 0), v("shppa_", Alnum, 32, 0), v("shpss_", Alnum, 32, 0),
    v("dop_v1_", Hex, 64, 64), v("doo_v1_", Hex, 64, 64), v("dor_v1_", Hex, 64, 64), v("dapi", Hex, 32, 32),
    v("key-", Hex, 32, 32), v("NRAK-", Alnum, 20, 0), v("NRJS-", Alnum, 19, 0), v("NRRA-", Alnum, 20, 0), v("NRII-", Word, 20, 0),
    v("lin_api_", Alnum, 32, 0), v("lin_oauth_", Alnum, 32, 0), v("secret_", Alnum, 43, 43), v("ntn_", Alnum, 40, 0),
    v("figd_", Word, 32, 0), v("PMAK-", Word, 50, 0), v("dt0c01.", Dotted, 40, 0), v("sntrys_", Base64, 18, 0),
    v("sntryu_", Hex, 64, 64), v("r8_", Alnum, 30, 0), v("gsk_", Alnum, 40, 0), v("pplx-", Alnum, 40, 0), v("fw_", Alnum, 22, 0),
    v("tgp_v1_", Word, 30, 0), v("dp.pt.", Alnum, 40, 0), v("dp.st.", Dotted, 40, 0), v("dp.ct.", Alnum, 40, 0),
    v("hvs.", Word, 24, 0), v("hvb.", Word, 24, 0), v("hvr.", Word, 24, 0), v("pul-", Hex, 40, 40), v("pscale_tkn_", Dotted, 32, 0),
    v("pscale_pw_", Dotted, 32, 0), v("pscale_oauth_", Dotted, 32, 0), v("sbp_", Hex, 40, 40), v("sb_secret_", Word, 20, 0),
    v("nfp_", Alnum, 36, 0), v("fm2_", Base64, 40, 0), v("fo1_", Word, 40, 0), v("HRKU-", Word, 32, 0), v("v1.0-", Word, 100, 0),
    v("ATATT3", Base64, 60, 0), v("ATCTT3", Base64, 60, 0), v("ATBB", Alnum, 28, 0), v("CFPAT-", Word, 40, 0),
    v("sl.", Word, 100, 0), v("FLWSECK", Word, 32, 0), v("FLWPUBK", Word, 32, 0), v("fio-u-", Word, 60, 0), v("AKCp", Alnum, 60, 0),
    v("cmVmdGtu", Alnum, 48, 0), v("access-sandbox-", Word, 36, 0), v("access-production-", Word, 36, 0),
    v("access-development-", Word, 36, 0), v("pnu_", Alnum, 36, 36), v("rubygems_", Hex, 48, 48), v("rdme_", Alnum, 64, 0),
    v("tk-us-", Word, 40, 0), v("shippo_live_", Hex, 40, 40), v("shippo_test_", Hex, 40, 40), v("sgp_", Word, 40, 0), v("slk_", Hex, 64, 64),
    v("tskey-", Word, 20, 0), v("tfp_", Dotted, 40, 0), v("AQVN", Word, 32, 0), v("zpka_", Word, 32, 0), v("AGE-SECRET-KEY-1", Alnum, 50, 60),
    v("ops_eyJ", Base64, 40, 0), v("LTAI", Alnum, 16, 22), v("AKID", Alnum, 32, 32), v("aio_", Alnum, 28, 28), v("p8e-", Alnum, 32, 32),
    v("CCIPAT_", Word, 40, 0), v("CLOJARS_", Alnum, 60, 60), v("cio", Alnum, 32, 32), v("dckr_pat_", Word, 20, 0), v("dckr_oat_", Word, 20, 0),
    v("duffel_", Word, 43, 0), v("EZAK", Alnum, 54, 0), v("EZTK", Alnum, 54, 0), v("ico-", Alnum, 32, 32), v("lsv2_pt_", Word, 32, 0),
    v("lsv2_sk_", Word, 32, 0), v("nvapi-", Word, 40, 0), v("sha256~", Word, 40, 0), v("rzp_live_", Alnum, 14, 0), v("rzp_test_", Alnum, 14, 0),
    v("re_", Word, 30, 40), v("sqp_", Hex, 40, 40), v("squ_", Hex, 40, 40), v("sqa_", Hex, 40, 40), v("tvly-", Word, 20, 0),
    v("pcsk_", Word, 40, 0), v("csk-", Alnum, 32, 0), v("esecret_", Alnum, 24, 0), v("napi_", Alnum, 40, 0), v("rnd_", Alnum, 24, 0),
    v("bkua_", Hex, 40, 40), v("fc-", Hex, 32, 32), v("jina_", Word, 40, 0), v("phc_", Alnum, 40, 0), v("phx_", Alnum, 40, 0),
    v("hawk.", Dotted, 40, 0), v("pat-na1-", Word, 36, 0), v("pat-eu1-", Word, 36, 0), v("ddp_", Alnum, 32, 0), v("SK", Hex, 32, 32),
    v("AC", Hex, 32, 32), v("oy2", Alnum, 43, 43), v("do_pat_", Alnum, 32, 0), v("vercel_", Alnum, 24, 0), v("KEY0", Word, 50, 60), v("e2b_", Hex, 40, 40),
    v("vcp_", Alnum, 24, 0), v("vci_", Alnum, 24, 0), v("vca_", Alnum, 24, 0), v("vcr_", Alnum, 24, 0), v("vck_", Alnum, 24, 0),
    v("xnd_production_", Word, 24, 0), v("xnd_development_", Word, 24, 0), v("xnd_public_", Word, 24, 0), v("APP_USR-", Word, 30, 0),
     v("cfut_", Alnum, 32, 0), v("cfat_", Alnum, 32, 0), v("cfk_", Alnum, 32, 0), v("AQ.", Word, 40, 0),
    v("sess-", Alnum, 32, 0), v("rpa_", Alnum, 32, 0), v("apify_api_", Alnum, 24, 0), v("bb_live_", Word, 20, 0), v("scp-live-", Alnum, 24, 0),
    v("BSA", Word, 28, 30), v("md-", Word, 22, 22), v("os_v2_", Word, 40, 0), v("sec-c-", Word, 36, 0), v("sub-c-", Word, 36, 36),
    v("pub-c-", Word, 36, 36), v("live_", Alnum, 30, 0), v("test_", Alnum, 30, 0), v("pdl_live_", Word, 30, 0), v("pdl_sdbx_", Word, 30, 0),
    v("mdb_sa_sk_", Word, 30, 0), v("CCDB1_", Word, 40, 0), v("AVNS_", Word, 16, 0), v("aivenv1_", Base64, 24, 0), v("cflt", Base64, 50, 0),
    v("pdus+", Dotted, 20, 0), v("u+", Word, 18, 18), v("secret-live-", Base64, 30, 0), v("secret-test-", Base64, 30, 0), v("st.", Dotted, 60, 0),
    v("dp.sa.", Alnum, 40, 0), v("dp.scim.", Alnum, 40, 0), v("dp.audit.", Alnum, 40, 0), v("snyk_", Dotted, 30, 0), v("packagist_", Word, 40, 0),
    v("ATTA", Alnum, 60, 0), v("n8n_api_", Alnum, 24, 0), v("retool_", Alnum, 24, 0), v("IGQV", Word, 60, 0), v("y0_", Word, 40, 0),
    v("y1_", Word, 40, 0), v("y2_", Word, 40, 0), v("y3_", Word, 40, 0), v("t1.", Dotted, 60, 0), v("sm_pat_", Alnum, 16, 0),
    v("gitea_", Alnum, 32, 0), v("pplx_", Alnum, 40, 0), v("ak-", Alnum, 22, 22), v("as-", Alnum, 22, 22), v("wandb_v1_", Word, 30, 0),
    v("hcaik_", Alnum, 32, 0), v("hcxik_", Alnum, 32, 0), v("hcamk_", Alnum, 32, 0), v("pa-", Word, 43, 43), 
    v("phs_", Alnum, 40, 0), v("sntrya_", Hex, 40, 0), v("glffct-", Word, 18, 0), v("nfc_", Alnum, 36, 0), v("nfo_", Alnum, 36, 0),
    v("nfu_", Alnum, 36, 0), v("nfb_", Alnum, 36, 0),  
    v("key_live_", Word, 20, 0), v("key_test_", Word, 20, 0), v("eyJvcmci", Base64, 60, 0),  
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_beginning_is_found_before_a_shorter_one() {
        for (index, vendor) in VENDORS.iter().enumerate() {
            let found = VENDORS.iter().position(|v| vendor.prefix.starts_with(v.prefix));
            assert_eq!(found, Some(index), "{}", vendor.prefix);
        }
        assert!(VENDORS.len() >= 120);
    }
}
