#include "rules/aws/key_services.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

TEST(KeyServices, WhatHandsOutCredentialsMustBeNamed) {
  for (const char* service : {"sts",
                              "iam",
                              "sso",
                              "awsssoportal",
                              "sso-oauth",
                              "signin",
                              "rolesanywhere",
                              "codeartifact",
                              "ecr",
                              "ecr-public",
                              "eks-auth",
                              "lakeformation",
                              "datazone",
                              "emr-containers",
                              "lightsail",
                              "deadline",
                              "cognito-identity",
                              "gamelift",
                              "ssm",
                              "secretsmanager",
                              "s3express",
                              "codepipeline",
                              "finspace-api",
                              "redshift",
                              "redshift-serverless"}) {
    EXPECT_EQ(hands_out_keys(service, "/"), service);
  }
}

TEST(KeyServices, ServicesOfDataAreNone) {
  for (const char* service : {"s3", "dynamodb", "sqs", "bedrock", "execute-api", "lambda", "eks",
                              "ec2", "logs", "kms", "", "st", "stss", "STS"}) {
    EXPECT_EQ(hands_out_keys(service, "/"), "") << service;
  }
}

TEST(KeyServices, S3AccessGrantsAreFoundInEverySpelling) {
  for (const char* path :
       {"/v20180820/accessgrantsinstance/dataaccess", "/v20180820/accessgrantsinstance/dataaccess/",
        "/v20180820/accessgrantsinstance%2Fdataaccess",
        "/v20180820/%61ccessGrantsInstance/DataAccess"}) {
    EXPECT_EQ(hands_out_keys("s3", path), "s3:GetDataAccess") << path;
  }
  EXPECT_EQ(hands_out_keys("s3", "/v20180820/accessgrantsinstance/grants"), "");
  EXPECT_EQ(hands_out_keys("execute-api", "/v20180820/accessgrantsinstance/dataaccess"), "");
}

}  // namespace
}  // namespace berm
