package clients

// Gallery is the list of 25 tests that Microsoft holds an application against
// before it is published in the gallery of Entra ID, under the names of that list.
// The first fourteen drive the provisioning service; here that is the job of
// package entra.
//
// Two tests are about getting an access token from the application. They are left
// out by the validator, and not counted against the application, where it takes a
// static bearer token as Rollcall does; what is checked in their place is that the
// token works and nothing else does.
func Gallery() []Check {
	return []Check{
		{"Create_User_Test (facts 22, 36)", createUserTest},
		{"Update_User_Test (facts 40a, 75)", updateUserTest},
		{"Disable_User_Test (facts 37, 49)", disableUserTest},
		{"Delete_User_Test (facts 49, 51)", deleteUserTest},
		{"User_Update_Manager_Test (facts 42, 70)", userUpdateManagerTest},
		{"Restore_User_Test (fact 50)", restoreUserTest},
		{"POD_User_Test (facts 17, 52)", podUserTest},
		{"Create_Group_Test (fact 53)", createGroupTest},
		{"Update_Group_Test (fact 55)", updateGroupTest},
		{"Delete_Group_Test (fact 51)", deleteGroupTest},
		{"Group_Update_Add_Member_Test (fact 56)", addMemberTest},
		{"Group_Update_Remove_Member_Test (fact 57a)", removeMemberTest},
		{"POD_Group_Test (facts 17, 52)", podGroupTest},
		{"Restore_Group_Test (fact 53)", restoreGroupTest},
		{"Schema_Discoverability_Test (facts 18, 19)", schemaDiscoverabilityTest},
		{"SCIM_Null_Update_Test (fact 40k)", nullUpdateTest},
		{"SCIM_User_Create_Test (facts 4, 38)", userCreateTest},
		{"SCIM_User_Update_Test (facts 6, 21)", func(p *probe) { updateAllTest(p, "/Users", userURN) }},
		{"SCIM_Group_Create_Test (facts 4, 54)", groupCreateTest},
		{"SCIM_Group_Update_Test (facts 6, 21)", func(p *probe) { updateAllTest(p, "/Groups", groupURN) }},
		{"Validate_Credentials_Test (facts 13, 15)", credentialsTest},
		{"Federated_Identity_Test (facts 14, 16)", federatedIdentityTest},
		{"SCIM_User_Pagination_Test (fact 32)", func(p *probe) { paginationTest(p, "/Users", "userName") }},
		{"SCIM_Group_Pagination_Test (fact 32)", func(p *probe) { paginationTest(p, "/Groups", "displayName") }},
		{"SCIM_Update_Manager_Test (fact 42)", updateManagerTest},
	}
}

// GalleryRequirements are what the gallery asks for and has no test of that list for.
func GalleryRequirements() []Check {
	return []Check{
		{"25 requests a second without a 429 (facts 67, 68)", throughput},
	}
}
