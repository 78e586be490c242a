package patch

import "github.com/rollcall-dev/rollcall/scim/schema"

// seeds are what FuzzApply starts from: the examples of RFC 7644 section 3.5.2,
// and the shapes that the facts speak of.
var seeds = []string{
	// RFC 7644, figures of sections 3.5.2 to 3.5.2.3.
	`[{"op":"add","path":"members","value":[{"display":"Babs Jensen","$ref":"https://example.com/v2/Users/2819c223","value":"2819c223"}]}]`,
	`[{"op":"add","value":{"emails":[{"value":"babs@jensen.org","type":"home"}],"nickname":"Babs"}}]`,
	`[{"op":"remove","path":"members[value eq \"2819c223\"]"},{"op":"remove","path":"members[type eq \"User\"]"}]`,
	`[{"op":"remove","path":"members"}]`,
	`[{"op":"remove","path":"emails[type eq \"work\" and value ew \"example.com\"]"}]`,
	`[{"op":"remove","path":"members[value eq \"2819c223\"]"},{"op":"add","path":"members","value":[{"display":"James Smith","value":"08e1d05d"}]}]`,
	`[{"op":"replace","path":"members","value":[{"display":"Babs Jensen","value":"2819c223"},{"value":"08e1d05d"}]}]`,
	`[{"op":"remove","path":"members"},{"op":"add","path":"members","value":[{"value":"08e1d05d"}]}]`,
	`[{"op":"replace","path":"addresses[type eq \"work\"]","value":{"type":"work","streetAddress":"911 Universal City Plaza","primary":true}}]`,
	`[{"op":"replace","path":"addresses[type eq \"work\"].streetAddress","value":"1010 Broadway Ave"}]`,
	`[{"op":"replace","value":{"emails":[{"value":"bjensen@example.com","type":"work","primary":true},{"value":"babs@jensen.org","type":"home"}],"nickname":"Babs"}}]`,
	`[{"op":"replace","path":"name.familyName","value":"x"},{"op":"add","path":"members[value eq \"2819c223\"].displayName","value":"x"}]`,
	// Facts 37 to 39.
	`[{"op":"Replace","path":"active","value":"False"},{"op":"rePlace","path":"roles[primary eq \"True\"].primary","value":"True"}]`,
	`[{"op":"Remove","path":"displayName"},{"op":"ADD","path":"displayName","value":"1"},{"op":"replace","path":"displayName","value":"2"}]`,
	// Fact 40, (a) to (k).
	`[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"x"},{"op":"Add","path":"emails[type eq \"other\"].value","value":"y"}]`,
	`[{"op":"Add","path":"addresses[type eq \"work\"].formatted","value":"F"},{"op":"Add","path":"addresses[type eq \"work\"].country","value":"C"}]`,
	`[{"op":"Add","path":"roles[primary eq \"True\"].display","value":"D"},{"op":"Add","path":"roles[primary eq \"True\"].value","value":"V"}]`,
	`[{"op":"replace","value":{"displayName":"B","name.givenName":"K","` + schema.EnterpriseUserURN + `:employeeNumber":"A","active":false,"emails[type eq \"work\"].value":"n@x"}}]`,
	`[{"op":"add","value":{"name":{"givenName":"G","familyName":null},"` + schema.EnterpriseUserURN + `":{"department":"D"}}}]`,
	`[{"op":"Add","path":"` + schema.EnterpriseUserURN + `:department","value":"D"},{"op":"Replace","path":"` + schema.UserURN + `:userName","value":"b"}]`,
	`[{"op":"Add","path":"title","value":["T"]},{"op":"Add","path":"displayName","value":[{"value":"D"}]}]`,
	`[{"op":"remove","path":"title"},{"op":"remove","path":"emails[type eq \"other\"]"}]`,
	`[{"op":"Remove","path":"emails","value":[{"value":"w@x"},{"type":"home","value":"H@x"}]}]`,
	`[{"op":"replace","path":"title","value":""},{"op":"replace","path":"name","value":null}]`,
	// Facts 41 to 46.
	`[{"op":"add","path":"emails","value":[{"value":"w@x","type":"home","primary":"True"}]},{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}]`,
	`[{"op":"Add","path":"` + schema.EnterpriseUserURN + `:manager","value":"m"},{"op":"Add","path":"manager","value":[{"$ref":"https://x/Users/2","value":"2"}]},{"op":"remove","path":"manager[value eq \"2\"]"}]`,
	`[{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"1\",\"value\":\"Admin\"}"}]},{"op":"replace","path":"roles","value":[{"value":"r","primary":false}]}]`,
	`[{"op":"add","path":"urn:x:1.0:User","value":{"a":{"b":[]}}},{"op":"remove","path":"urn:x:1.0:User:a.b"},{"op":"add","path":"urn:x:1.0:User:l","value":[1,{"value":"2"}]},{"op":"add","path":"urn:x:1.0:User:l","value":[1,{"value":"2"}]}]`,
	`[{"op":"replace","value":{"id":"1","groups":[],"meta":{},"password":"s","active":false}}]`,
	// Facts 55 to 61.
	`[{"op":"replace","value":{"id":"g","displayName":"New","members":[]}}]`,
	`[{"op":"Add","path":"members","value":[{"$ref":null,"value":"1"},"2","2"]},{"op":"add","value":{"members":["3"]}}]`,
	`[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"1"}]},{"op":"remove","path":"members[value eq \"a\" or value eq \"b\"]"},{"op":"Remove","path":"members","value":[]}]`,
	`[{"op":"replace","path":"members","value":[{"value":"673"}]},{"op":"remove","path":"members[type eq \"User\" and value eq \"673\"]"}]`,
	// Fact 75.
	`[{"op":"Add","path":"nickName","value":"Babs"},{"op":"replace","path":"active","value":false},{"op":"Remove","path":"members","value":[{"value":"u1091"}]}]`,
	// Many values, so that they are found by index.
	`[{"op":"add","path":"emails","value":["1","2","3","4","5","6","7","8","9"]},{"op":"add","path":"emails[value eq \"3\" or value eq \"4\"].value","value":"5"},{"op":"replace","path":"emails[value eq \"5\"].primary","value":true}]`,
	`[{"op":"add","path":"permissionLevel.value","value":{"a":[1,null]}},{"op":"replace","value":{"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"PERMISSIONLEVEL":"x"}}}]`,
}
