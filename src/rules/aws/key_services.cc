#include "rules/aws/key_services.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/text.h"
#include "rules/aws/canonical.h"

namespace berm {
namespace {

// Signing names. tests/credentials/sigv4_check.py looks for more in what botocore knows of answers.
constexpr std::string_view kServices[] = {
    "acm",                   // ExportCertificate: a private key
    "airflow",               // CreateCliToken, CreateWebLoginToken
    "apigateway",            // CreateApiKey, GetApiKeys
    "appsync",               // CreateApiKey
    "awsssoportal",          // GetRoleCredentials
    "bedrock-agentcore",     // GetResourceApiKey, GetResourceOauth2Token
    "codeartifact",          // GetAuthorizationToken
    "codecatalyst",          // CreateAccessToken
    "codeconnections",       // GetConnectionToken: of the forge behind it
    "codepipeline",          // PollForJobs, GetJobDetails: keys of the artifact store
    "codestar-connections",  // as codeconnections
    "cognito-identity",      // GetCredentialsForIdentity
    "cognito-idp",           // InitiateAuth, CreateUserPoolClient
    "connect",               // GetFederationToken
    "datazone",              // GetEnvironmentCredentials, GetConnection
    "deadline",              // AssumeFleetRoleFor…, AssumeQueueRoleFor…
    "ecr",                   // GetAuthorizationToken
    "ecr-public",            // the same
    "eks-auth",              // AssumeRoleForPodIdentity
    "elasticmapreduce",      // GetClusterSessionCredentials
    "emr-containers",        // GetManagedEndpointSessionCredentials
    "emr-serverless",        // GetSessionEndpoint
    "finspace-api",          // GetProgrammaticAccessCredentials
    "gamelift",              // RequestUploadCredentials, GetComputeAccess
    "geo",                   // CreateKey, DescribeKey
    "grafana",               // CreateWorkspaceApiKey, CreateWorkspaceServiceAccountToken
    "iam",                   // CreateAccessKey and its kind
    "iot",                   // CreateKeysAndCertificate
    "lakeformation",         // GetTemporaryGlueTableCredentials and its kind
    "license-manager",       // CreateToken, GetAccessToken
    "lightsail",  // CreateBucketAccessKey, DownloadDefaultKeyPair, GetInstanceAccessDetails
    "pca-connector-scep",   // GetChallengePassword
    "redshift",             // GetClusterCredentials
    "redshift-serverless",  // GetCredentials
    "rolesanywhere",        // keys for a certificate
    "route53domains",       // RetrieveDomainAuthCode: whoever has it takes the domain
    "s3express",            // CreateSession
    "secretsmanager",       // GetSecretValue
    "signin",               // CreateOAuth2Token
    "ssm",                  // GetAccessToken, StartSession, GetParameter
    "sso",                  // ListApplicationGrants
    "sso-oauth",            // CreateToken
    "sts",                  // AssumeRole and its kind
    "workmail",             // AssumeImpersonationRole
};

}  // namespace

std::string_view hands_out_keys(std::string_view service, std::string_view path) {
  const auto* const found = std::ranges::find(kServices, service);
  if (found != std::end(kServices)) return *found;
  // S3 Access Grants: keys from a service that is otherwise one of data. In any spelling that a
  // server reads so; an object of that name is refused with it.
  constexpr std::string_view kDataAccess = "/accessgrantsinstance/dataaccess";
  const bool is_data_access = lower(query_decoded(path)).find(kDataAccess) != std::string::npos;
  return is_data_access && signs_like_s3(service) ? "s3:GetDataAccess" : "";
}

}  // namespace berm
